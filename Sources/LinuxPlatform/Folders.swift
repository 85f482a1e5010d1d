import CLinux
import FixedMemory

/// The names in a folder, one after another in the order of their bytes. Each step reads the folder anew: for
/// folders of some tens of names. What comes or goes meanwhile is seen or not.
public struct FolderNames: ~Copyable {
  /// One byte less than the longest name of Linux's file systems (NAME_MAX) would need with its NUL.
  public static var maximumNameByteCount: Int { 255 }

  private let folder: FixedPath
  private var name = InlineArray<256, UInt8>(repeating: 0)
  private var byteCount = 0

  public init(of folder: FixedPath) { self.folder = folder }

  /// The name that `next` has found.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { name.span.extracting(0..<byteCount) }
  }

  /// Goes to the next name; false behind the last one. "." and ".." are names too.
  public mutating func next() throws(SystemError) -> Bool {
    let previous = name
    var span = name.mutableSpan
    let found = try checked(
      unsafe folder.withPointer { path in
        unsafe previous.span.withUnsafeBufferPointer { before in
          unsafe span.withUnsafeMutableBufferPointer {
            unsafe cairn_folder_next(path, before.baseAddress, $0.baseAddress, Int64($0.count))
          }
        }
      })
    guard found == 1 else { return false }
    byteCount = 0
    while name[byteCount] != 0 { byteCount += 1 }
    return true
  }
}
