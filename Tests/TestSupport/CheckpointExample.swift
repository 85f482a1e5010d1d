import Foundation
import Proofs
import Signers

/// The worked example of Tests/Vectors/checkpoint-example.txt, made with cbor2 and cryptography.
public struct CheckpointExample {
  private let lines: [Substring]

  public struct LineMissing: Error { let name: String }

  public init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Vectors/checkpoint-example.txt")
    lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
  }

  private func words(_ name: String) throws -> [Substring] {
    guard let line = lines.first(where: { $0.hasPrefix(name + " ") }) else {
      throw LineMissing(name: name)
    }
    return line.dropFirst(name.count + 1).split(separator: " ")
  }

  /// The bytes in hexadecimal after a line's name.
  public func bytes(_ name: String) throws -> [UInt8] { hex(try words(name).first ?? "") }

  public func digest(_ name: String) throws -> Digest { try fixed(bytes(name)) }

  /// The hash that the example's text gives for a leaf.
  public func leafHashInText(_ index: Int) throws -> Digest {
    try fixed(hex(words("leaf \(index)").last ?? ""))
  }

  public func leafHash(_ index: Int) throws -> Digest {
    let leaf = try bytes("leaf \(index)")
    return MerkleTree.leafHash(leaf.span)
  }

  /// RFC 8032 section 7.1, test 1.
  public func key() throws -> FileKey {
    try FileKey(
      seed: fixed(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
  }
}
