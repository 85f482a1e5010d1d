import Archive
import FixedMemory
import Foundation
import Proofs
import Testing

@testable import GatewayStore

/// An archive that was cut, changed bit by bit, or made of nonsense: a finding, never a trap.
@Suite struct ArchiveDamageTests {
  /// One device with one batch of one leaf.
  private func smallArchive(_ folder: ArchiveFolder) throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    #expect(gateway.receive(try device.seal([TestLeaf.reading([1], at: 1)])).isStored)
    var key = try TestGateway.key()
    let writer = try ArchiveWriter(to: folder.path + "/archive")
    try gateway.store.export(to: writer, signingWith: &key)
  }

  private func put(_ bytes: [UInt8], _ file: ArchiveFormat.File, _ folder: ArchiveFolder) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder.path)/archive/\(file.rawValue)"))
  }

  private func verify(_ folder: ArchiveFolder) throws -> ArchiveReport {
    try ArchiveVerifier(folder: folder.path + "/archive").run()
  }

  @Test func everyFlippedBitIsFound() throws {
    let folder = try ArchiveFolder()
    try smallArchive(folder)
    #expect(try verify(folder).isGood)
    for file in ArchiveFormat.File.allCases {
      let whole = try folder.bytes("archive", file)
      for index in whole.indices {
        for bit in 0..<8 {
          var bytes = whole
          bytes[index] ^= 1 << UInt8(bit)
          try put(bytes, file, folder)
          #expect(try !verify(folder).isGood, "\(file), byte \(index), bit \(bit)")
        }
      }
      try put(whole, file, folder)
    }
  }

  @Test func aPipeALinkOrAFolderInAnArchiveIsRefusedAndNeverWaitedFor() throws {
    let folder = try ArchiveFolder()
    try smallArchive(folder)
    for file in ArchiveFormat.File.allCases {
      let path = "\(folder.path)/archive/\(file.rawValue)"
      let whole = try folder.bytes("archive", file)
      func expectRefused(_ what: String) throws {
        let failure = #expect(throws: ArchiveFailure.self, "\(file): \(what)") {
          _ = try verify(folder)
        }
        #expect(failure?.path == path)
        #expect(failure?.reason.contains("not a file of its own") == true, "\(file): \(what)")
        try FileManager.default.removeItem(atPath: path)
      }
      try FileManager.default.removeItem(atPath: path)
      #expect(mkfifo(path, 0o600) == 0)
      try expectRefused("pipe")
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
      try expectRefused("link")
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      try expectRefused("folder")
      try put(whole, file, folder)
    }
    #expect(try verify(folder).isGood)
  }

  @Test func aPipeInTheAuditorsHandIsRefusedAndALinkToAFileIsNot() throws {
    let folder = try ArchiveFolder()
    let (pipe, file, link) = ("\(folder.path)/pipe", "\(folder.path)/file", "\(folder.path)/link")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(throws: ArchiveFailure.self) { try ArchiveFile.bytes(of: pipe, limit: 8) }
    #expect(throws: ArchiveFailure.self) { try ArchiveFile.bytes(of: folder.path, limit: 8) }
    #expect(throws: ArchiveFailure.self) { try ArchiveFile.bytes(of: file, limit: 8) }
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: file))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
    #expect(try ArchiveFile.bytes(of: link, limit: 2) == [1, 2])
  }

  @Test func everyCutIsFound() throws {
    let folder = try ArchiveFolder()
    try ArchiveScenario().export(folder)
    for file in ArchiveFormat.File.allCases {
      let whole = try folder.bytes("archive", file)
      for count in stride(from: 0, to: whole.count, by: 61) {
        try put(Array(whole.prefix(count)), file, folder)
        #expect(try !verify(folder).isGood, "\(file), cut at \(count)")
      }
      try put(whole + [0], file, folder)
      #expect(try !verify(folder).isGood, "\(file), a byte more")
      try put(whole, file, folder)
    }
    #expect(try verify(folder).isGood)
  }

  @Test func nonsenseIsAFindingWithItsPlace() throws {
    let folder = try ArchiveFolder()
    try ArchiveScenario().export(folder)
    let nonsense: [[UInt8]] = [
      [UInt8](repeating: 0x9f, count: 9), [UInt8](repeating: 0x81, count: 100_000),
      [0x5b] + [UInt8](repeating: 0xff, count: 8), [0x9b] + [UInt8](repeating: 0xff, count: 8),
      [UInt8](repeating: 0xd2, count: 1000),
      [0x5a, 0, 16, 0, 0] + [UInt8](repeating: 7, count: 1 << 20),
      [UInt8](repeating: 0xff, count: 300_000), [UInt8](repeating: 0, count: 5000),
    ]
    for file in ArchiveFormat.File.allCases where file != .head {
      let whole = try folder.bytes("archive", file)
      for (number, bytes) in nonsense.enumerated() {
        try put(whole + bytes, file, folder)
        let report = try verify(folder)
        let place = report.findings.first { $0.place.file == file.rawValue }?.place
        #expect(place?.offset == UInt64(whole.count), "\(file), nonsense \(number)")
      }
      try put(whole, file, folder)
    }
  }

  @Test func aFileThatIsNotThereIsNoFinding() throws {
    for file in ArchiveFormat.File.allCases {
      let folder = try ArchiveFolder()
      try smallArchive(folder)
      try FileManager.default.removeItem(atPath: "\(folder.path)/archive/\(file.rawValue)")
      #expect(throws: ArchiveFailure.self) { try verify(folder) }
    }
  }

  @Test func manyFindingsAreCountedAndTheFirstKept() throws {
    let folder = try ArchiveFolder()
    try ArchiveScenario().export(folder)
    var forged = try OpenArchive(folder)
    forged.leaves += [[UInt8]](repeating: forged.leaves[0], count: 1000)
    try forged.sign()
    let report = try forged.report(folder)
    #expect(report.findingCounts[.firstLeaf] == 1000)
    #expect(report.findings.filter { $0.name == .firstLeaf }.count == 100)
  }
}
