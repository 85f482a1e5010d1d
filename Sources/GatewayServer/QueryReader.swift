import GatewayStore
import Hummingbird

/// The parameters of a request, each of which must be known: a misspelt filter that is passed over would
/// show something else than what was asked for.
struct QueryReader {
  private var values: [String: String] = [:]

  init(_ request: Request, allowed: Set<String>) throws(RequestProblem) {
    for (name, value) in request.uri.queryParameters {
      guard allowed.contains(String(name)) else {
        let known = allowed.sorted().joined(separator: ", ")
        throw RequestProblem(.badRequest, "\(name)= is not known here; \(known) are.")
      }
      guard values.updateValue(String(value), forKey: String(name)) == nil else {
        throw RequestProblem(.badRequest, "\(name)= is given twice.")
      }
    }
  }

  func text(_ name: String) -> String? { values[name] }

  func number(_ name: String, in range: ClosedRange<Int>) throws(RequestProblem) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Self.digits(text).flatMap({ Int(exactly: $0) }), range.contains(number)
    else {
      throw RequestProblem(
        .badRequest, "\(name)= is a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  /// Decimal digits and nothing else: Swift would take "+1" too, which in a query stands for " 1".
  static func digits(_ text: String) -> UInt64? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      ? UInt64(text) : nil
  }

  func unsigned(_ name: String) throws(RequestProblem) -> UInt64? {
    guard let text = values[name] else { return nil }
    guard let number = Self.digits(text) else {
      throw RequestProblem(.badRequest, "\(name)= is a number.")
    }
    return number
  }

  func cursor(_ name: String) throws(RequestProblem) -> LogCursor? {
    guard let text = values[name] else { return nil }
    guard let cursor = LogCursor(text) else {
      throw RequestProblem(.badRequest, "\(name)= is what an earlier answer gave as next.")
    }
    return cursor
  }

  /// UTC milliseconds.
  func time(_ name: String) throws(RequestProblem) -> Int64? {
    guard let text = values[name] else { return nil }
    guard let time = CalendarTime.milliseconds(text) else {
      throw RequestProblem(
        .badRequest, "\(name)= is an RFC 3339 time, or milliseconds since 1970 (UTC).")
    }
    return time
  }
}
