import FixedMemory
import Foundation
import Proofs
import Signers

/// The documents of Tests/Vectors/identity-examples.txt, made with cbor2 and cryptography.
public struct IdentityExample {
  private let values: [String: [UInt8]]

  public struct LineMissing: Error { let name: String }

  /// Names of the documents that a line "NAME message" holds.
  public static let documents: [(name: String, type: DocumentType)] = [
    ("invite", .invite), ("enrolment", .enrolment), ("move", .invite),
    ("enrolment after a move", .enrolment), ("succession", .succession),
    ("enrolment after a succession", .enrolment), ("revocation", .revocation),
    ("receipt", .receipt), ("head of a device", .deviceHead), ("challenge", .challenge),
    ("challenge of a beacon", .challenge), ("key change", .gatewayKeyChange),
    ("head of the log", .gatewayHead),
  ]

  public init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Vectors/identity-examples.txt")
    var values: [String: [UInt8]] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      guard !line.hasPrefix("#"), let space = line.lastIndex(of: " ") else { continue }
      values[String(line[..<space])] = hex(line[line.index(after: space)...])
    }
    self.values = values
  }

  public func bytes(_ name: String) throws -> [UInt8] {
    guard let value = values[name] else { throw LineMissing(name: name) }
    return value
  }

  public func message(_ name: String) throws -> [UInt8] { try bytes(name + " message") }

  public func hash(_ name: String) throws -> Digest { try fixed(bytes(name + " hash")) }

  /// 2025-01-01 00:00 UTC and so many days and milliseconds.
  public static func time(days: Int64, milliseconds: Int64 = 0) -> Int64 {
    1_735_689_600_000 + days * 86_400_000 + milliseconds
  }

  /// RFC 8032 section 7.1, tests 1, 2 and 3.
  public func device() throws -> FileKey {
    try FileKey(
      seed: fixed(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
  }

  public func owner() throws -> FileKey {
    try FileKey(
      seed: fixed(hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")))
  }

  public func gateway() throws -> FileKey {
    try FileKey(
      seed: fixed(hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")))
  }

  /// The key of cose-wg/Examples, Appendix_C_2_1.
  public func newDevice() throws -> PublicKey {
    let bytes = try bytes("key of new device")
    guard let key = PublicKey(algorithm: .es256, bytes: bytes.span) else { throw WrongLength() }
    return key
  }
}
