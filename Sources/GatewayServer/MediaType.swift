import HTTPTypes

/// Media types of the gateway, and what a request says that it accepts (RFC 9110 section 12.5.1).
enum MediaType {
  static let cbor = "application/cbor"
  static let cborSequence = "application/cbor-seq"
  static let cose = "application/cose; cose-type=\"cose-sign1\""
  static let conciseProblem = "application/concise-problem-details+cbor"
  static let problemJSON = "application/problem+json"
  static let json = "application/json"
  static let csv = "text/csv; charset=utf-8; header=present"
  static let senMLJSON = "application/senml+json"
  static let senMLCBOR = "application/senml+cbor"
  static let html = "text/html; charset=utf-8"

  /// Type and subtype in lower case, without parameters.
  static func essence(_ text: some StringProtocol) -> String {
    let end = text.firstIndex(of: ";") ?? text.endIndex
    return String(text[..<end].filter { $0 != " " && $0 != "\t" }).lowercased()
  }

  /// The offer that a request likes best; the first one when it has no preference; nil when it accepts
  /// none of them.
  static func preferred(of offers: [String], accept: String?) -> String? {
    guard let accept, !accept.allSatisfy({ $0 == " " }) else { return offers.first }
    var best: (offer: String, quality: Int)?
    for offer in offers {
      let quality = quality(of: essence(offer), accept: accept)
      if quality > 0, quality > (best?.quality ?? 0) { best = (offer, quality) }
    }
    return best?.offer
  }

  /// Thousandths, of the most specific range that fits.
  private static func quality(of type: String, accept: String) -> Int {
    let family = String(type.prefix { $0 != "/" }) + "/*"
    var result = (specificity: -1, quality: 0)
    for range in accept.split(separator: ",").prefix(32) {
      let specificity: Int
      switch essence(range) {
      case type: specificity = 2
      case family: specificity = 1
      case "*/*": specificity = 0
      default: continue
      }
      if specificity > result.specificity { result = (specificity, quality(inRange: range)) }
    }
    return result.quality
  }

  private static func quality(inRange range: Substring) -> Int {
    for parameter in range.split(separator: ";").dropFirst() {
      let text = parameter.filter { $0 != " " }.lowercased()
      guard text.hasPrefix("q=") else { continue }
      guard let value = Double(text.dropFirst(2)), (0...1).contains(value) else { return 0 }
      return Int(value * 1000)
    }
    return 1000
  }
}
