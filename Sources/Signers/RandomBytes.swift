import CSodium

/// Fills with bytes that nobody can foretell, from the kernel.
public func fillRandom(_ bytes: inout MutableSpan<UInt8>) {
  bytes.withUnsafeMutableBufferPointer { cairn_random_bytes($0.baseAddress, Int64($0.count)) }
}
