import Foundation
import GatewayStore
import Testing

@testable import GatewayServer

/// Texts that others parse: JSON, calendar times, media types, configuration files.
@Suite struct TextTests {
  @Test func everyCharacterSurvivesJSON() throws {
    for value in UInt32(0)...0x2fff {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = "a\(Character(scalar))b"
      let line = JSONText.object([("key", .text(text))]).line
      let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      #expect(parsed?["key"]?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
      #expect(!line.contains("\n"))
    }
  }

  @Test func calendarTimesAreThoseOfFoundation() throws {
    #expect(CalendarTime.text(utcMilliseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(CalendarTime.text(utcMilliseconds: -1) == "1969-12-31T23:59:59.999Z")
    #expect(CalendarTime.text(utcMilliseconds: .max) == nil)
    #expect(CalendarTime.text(utcMilliseconds: .min) == nil)
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    // Every 11th day from 1900 to 2200, at a time of day that wanders; Foundation is the oracle.
    var milliseconds: Int64 = -2_208_988_800_000
    while milliseconds < 7_258_118_400_000 {
      let text = CalendarTime.text(utcMilliseconds: milliseconds)
      // Whole seconds: Foundation keeps time in binary fractions, and cuts them.
      let fraction = (milliseconds % 1000 + 1000) % 1000
      let date = Date(timeIntervalSince1970: Double((milliseconds - fraction) / 1000))
      #expect(text?.prefix(19) == date.formatted(style).prefix(19))
      #expect(text.flatMap(CalendarTime.milliseconds) == milliseconds)
      milliseconds += 11 * 86_400_000 + 1_234_567
    }
  }

  @Test func aTimeAsANumberHasDigitsAndNothingElse() {
    #expect(CalendarTime.milliseconds("5") == 5)
    #expect(CalendarTime.milliseconds("9223372036854775807") == .max)
    for text in ["+5", "-5", "", " 5", "5 ", "9223372036854775808", "\u{0665}"] {
      #expect(CalendarTime.milliseconds(text) == nil, "\(text)")
    }
  }

  @Test func theMostSpecificRangeDecidesWhatIsAccepted() {
    let offers = ["application/json", "text/csv; header=present"]
    let cases: [(String?, String?)] = [
      (nil, offers[0]), ("", offers[0]), ("*/*", offers[0]), ("text/csv", offers[1]),
      ("text/*", offers[1]), ("TEXT/CSV;q=0.5, application/json;q=0.4", offers[1]),
      ("application/json;q=0.4, */*", offers[1]), ("image/png", nil), ("*/*;q=0", nil),
      ("application/json;q=x", nil), ("text/csv;q=0, */*", offers[0]),
    ]
    for (accept, expected) in cases {
      #expect(MediaType.preferred(of: offers, accept: accept) == expected, "\(accept ?? "none")")
    }
  }

  @Test func aConfigurationFileHasTheKeysOfTheFlags() throws {
    let text = """
      # a gateway
      data = /var/lib/cairn gateway

      listen=0.0.0.0:8440
      ; events for the viewer
      events = yes
      enrolment = closed
      tls-certificate = a
      tls-key = b
      """
    let configuration = try GatewayConfiguration(text: text)
    #expect(configuration.data == "/var/lib/cairn gateway")
    #expect(configuration.listen == "0.0.0.0:8440")
    #expect(configuration.events == true)
    #expect(configuration.enrolment == "closed")
    #expect(configuration.tlsCertificate == "a")
    #expect(configuration.tlsKey == "b")
    #expect(try GatewayConfiguration(text: "") == GatewayConfiguration())
  }

  @Test func whatAConfigurationFileCannotMeanIsRefusedWithItsLine() {
    let cases: [(String, Int)] = [
      ("data = a\nlisten\n", 2), ("daata = a", 1), ("\n\nevents = maybe", 3),
      ("data = a\ndata = b", 2), ("data =", 1), ("[gateway]", 1), ("= a", 1),
    ]
    for (text, line) in cases {
      do throws(GatewayConfiguration.Failure) {
        _ = try GatewayConfiguration(text: text)
        Issue.record("taken: \(text)")
      } catch {
        #expect(error.line == line, "\(text)")
      }
    }
  }
}
