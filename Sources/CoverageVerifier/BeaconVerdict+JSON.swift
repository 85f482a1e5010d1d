import Foundation

extension BeaconVerdict {
  /// The verdict as one line of JSON with its members in the order of their names: equal verdicts are equal bytes.
  public var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Array(try encoder.encode(self))
    }
  }

  /// Nil for what is no verdict.
  public init?(json: [UInt8]) {
    do {
      self = try JSONDecoder().decode(BeaconVerdict.self, from: Data(json))
    } catch { return nil }
  }
}
