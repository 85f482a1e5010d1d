import CLibCurl
import FixedMemory

/// The configured address, checked with libcurl's own parser, so that what is checked is what is used.
struct GatewayAddress {
  /// Of these 512 bytes 64 are left for the path.
  static var maximumByteCount: Int { 447 }

  /// Without a slash at the end: paths are appended.
  private(set) var text = CString<512>()

  init(_ bytes: Span<UInt8>, allowsPlainHTTP: Bool) throws(HTTPSTransport.Failure) {
    guard bytes.count <= Self.maximumByteCount else { throw .addressTooLong }
    for index in bytes.indices {
      let byte = bytes[index]
      // libcurl would cut or encode these: what is meant is not what is written.
      guard byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "\\") else { throw .addressMalformed }
      // A path is to follow; an empty query or fragment too would swallow it.
      guard byte != UInt8(ascii: "?"), byte != UInt8(ascii: "#") else { throw .addressHasExtras }
    }
    guard !bytes.isEmpty, text.append(bytes) else { throw .addressMalformed }
    while text.last == UInt8(ascii: "/") { text.removeLast() }

    guard let url = curl_url() else { throw .outOfMemory }
    defer { curl_url_cleanup(url) }
    let result = text.withCString { text in
      curl_url_set(url, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER))
    }
    switch result {
    case CURLUE_OK: break
    case CURLUE_OUT_OF_MEMORY: throw .outOfMemory
    case CURLUE_USER_NOT_ALLOWED: throw .addressHasExtras
    case CURLUE_UNSUPPORTED_SCHEME: throw .schemeNotSupported
    default: throw .addressMalformed
    }
    if Self.part(CURLUPART_SCHEME, of: url, satisfies: Self.isHTTPS) { return }
    guard Self.part(CURLUPART_SCHEME, of: url, satisfies: Self.isHTTP) else {
      throw .schemeNotSupported
    }
    guard allowsPlainHTTP || Self.part(CURLUPART_HOST, of: url, satisfies: Self.isLoopback) else {
      throw .plainHTTPNotAllowed
    }
  }

  private static func part(
    _ part: CURLUPart, of url: OpaquePointer, satisfies test: (Span<UInt8>) -> Bool
  ) -> Bool {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return false }
    defer { curl_free(text) }
    var count = 0
    while text[count] != 0 { count += 1 }
    return UnsafeRawPointer(text).withMemoryRebound(to: UInt8.self, capacity: count) { start in
      test(UnsafeBufferPointer(start: start, count: count).span)
    }
  }

  private static func isHTTPS(_ scheme: Span<UInt8>) -> Bool { scheme.equals("https") }
  private static func isHTTP(_ scheme: Span<UInt8>) -> Bool { scheme.equals("http") }

  /// localhost, ::1 and 127.0.0.0/8 in four decimal parts. libcurl has written shorter forms out by now,
  /// and answers localhost itself, without asking a name server.
  static func isLoopback(_ host: Span<UInt8>) -> Bool {
    if host.equals("[::1]") { return true }
    if host.count == 9 {
      var isLocalhost = true
      let name: StaticString = "localhost"
      for index in host.indices where host[index] | 0x20 != name.utf8Start[index] {
        isLocalhost = false
      }
      if isLocalhost { return true }
    }
    return isLoopbackIPv4(host)
  }

  private static func isLoopbackIPv4(_ host: Span<UInt8>) -> Bool {
    var part = 0
    var partCount = 1
    var digitCount = 0
    var first = 0
    for index in host.indices {
      switch host[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        part = part * 10 + Int(host[index] - UInt8(ascii: "0"))
        digitCount += 1
        guard digitCount <= 3, part <= 255 else { return false }
        if partCount == 1 { first = part }
      case UInt8(ascii: "."):
        guard digitCount > 0 else { return false }
        partCount += 1
        part = 0
        digitCount = 0
      default: return false
      }
    }
    return partCount == 4 && digitCount > 0 && first == 127
  }
}
