import Testing

@testable import HTTPSTransport

private func refusal(_ address: String, allowsPlainHTTP: Bool = false) -> HTTPSTransport.Failure? {
  let bytes = Array(address.utf8)
  do throws(HTTPSTransport.Failure) {
    _ = try GatewayAddress(bytes.span, allowsPlainHTTP: allowsPlainHTTP)
    return nil
  } catch {
    return error
  }
}

@Test func plainHTTPIsForThisBoardOnly() {
  for address in [
    "http://127.0.0.1", "http://127.0.0.1:8080", "http://127.255.255.254/x", "http://[::1]:80",
    "http://localhost", "http://LocalHost:9/", "HTTP://127.0.0.1", "http://127.1",
    "http://2130706433",
  ] {
    #expect(refusal(address) == nil, "\(address)")
  }
  for address in [
    "http://gateway.example", "http://10.0.0.1", "http://128.0.0.1", "http://127.0.0.1.example",
    "http://127.0.0.1example", "http://localhost.example", "http://xlocalhost", "http://[::2]",
    "http://[::ffff:127.0.0.1]", "http://127.0.0.256", "http://0.0.0.0", "http://127.example",
    "http://localhos", "http://1270.0.0.1", "http://127.0.0..1", "http://local.ost",
  ] {
    #expect(refusal(address) == .plainHTTPNotAllowed, "\(address)")
    #expect(refusal(address, allowsPlainHTTP: true) == nil, "\(address)")
  }
}

@Test func whatIsNoGatewaysAddressIsRefusedWithItsReason() {
  #expect(refusal("https://gateway.example/fleet/") == nil)
  #expect(refusal("https://[2001:db8::1]:8443") == nil)
  for address in [
    "", "gateway.example", "https://", "https:// x", "https://a b", "https://x\\y",
    "https://ü.example", "https://x\u{0}", "://", "/", "https://[::1", "https://x:99999",
  ] {
    #expect(refusal(address) == .addressMalformed, "\(address)")
  }
  for address in [
    "https://user@gateway.example", "https://user:word@gateway.example",
    "https://gateway.example?x=1", "https://gateway.example/#top", "https://gateway.example/?",
    "http://127.0.0.1#@gateway.example",
  ] {
    #expect(refusal(address) == .addressHasExtras, "\(address)")
  }
  for address in ["ftp://gateway.example", "file:///etc/passwd", "mqtts://gateway.example"] {
    #expect(refusal(address) == .schemeNotSupported, "\(address)")
  }
  let name = "https://gateway.example/"
  let longest = name + String(repeating: "a", count: 447 - name.utf8.count)
  #expect(refusal(longest) == nil)
  #expect(refusal(longest + "a") == .addressTooLong)
}

@Test func slashesAtTheEndAreNotDoubled() throws {
  for address in ["https://gateway.example/fleet", "https://gateway.example/fleet//"] {
    let bytes = Array(address.utf8)
    let checked = try GatewayAddress(bytes.span, allowsPlainHTTP: false)
    #expect(checked.text.withCString { String(cString: $0) } == "https://gateway.example/fleet")
  }
}
