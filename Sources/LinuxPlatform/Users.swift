import CLinux

/// The user that this process acts as.
public var effectiveUserID: UInt32 { cairn_effective_user() }

/// The user that owns what stands at a path; nil when nothing does.
public func ownerUserID(of path: FixedPath) -> UInt32? {
  UInt32(exactly: unsafe path.withPointer { unsafe cairn_file_owner($0) })
}
