import CLibCurl
import FixedMemory
import LinuxPlatform

/// One easy handle and the multi handle that runs it, freed with their owner. All calls of libcurl's
/// transfers are here.
///
/// A multi handle, though there is one transfer at a time, since only its wait can watch a descriptor of the
/// caller's: what ends a transfer then ends it at once, also while a name is looked up.
///
/// The deinit is inlinable because programs end the life of a transport, and Embedded Swift wants to see
/// in their module what that does.
@usableFromInline struct CurlHandle: ~Copyable {
  @usableFromInline let pointer: UnsafeMutableRawPointer
  @usableFromInline let runner: UnsafeMutableRawPointer
  /// Readable when a transfer is to be given up; −1 for none.
  private let stopDescriptor: Int32

  init(stopDescriptor: Int32?) throws(HTTPSTransport.Failure) {
    guard let pointer = cairn_curl_create() else { throw .outOfMemory }
    guard let runner = cairn_curl_create_runner() else {
      curl_easy_cleanup(pointer)
      throw .outOfMemory
    }
    self.pointer = pointer
    self.runner = runner
    self.stopDescriptor = stopDescriptor ?? -1
  }

  @inlinable deinit {
    curl_easy_cleanup(pointer)
    curl_multi_cleanup(runner)
  }

  // MARK: Setting up

  static func configured(
    _ timeouts: HTTPSTransport.Timeouts, userAgent: StaticString, authorities: Span<UInt8>,
    stopDescriptor: Int32?
  ) throws(HTTPSTransport.Failure) -> CurlHandle {
    let handle = try CurlHandle(stopDescriptor: stopDescriptor)
    try handle.configure(timeouts, userAgent: userAgent)
    try handle.trust(authorities)
    return handle
  }

  private func configure(_ timeouts: HTTPSTransport.Timeouts, userAgent: StaticString)
    throws(HTTPSTransport.Failure)
  {
    // Signals would interrupt the program's other waits.
    try set(CURLOPT_NOSIGNAL, 1)
    // A look-up that hangs is left behind instead of being waited for.
    try set(CURLOPT_QUICK_EXIT, 1)
    try set(CURLOPT_CONNECTTIMEOUT_MS, Int(clamping: timeouts.connectMilliseconds))
    try set(CURLOPT_TIMEOUT_MS, Int(clamping: timeouts.totalMilliseconds))
    try set(CURLOPT_LOW_SPEED_LIMIT, HTTPSTransport.lowSpeedBytesPerSecond)
    try set(CURLOPT_LOW_SPEED_TIME, Int(clamping: timeouts.lowSpeedSeconds))

    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    // An empty name: no proxy, and not the environment's either.
    try set(CURLOPT_PROXY, "")
    // One request at a time: HTTP/2 would cost memory for nothing.
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    try set(CURLOPT_TCP_KEEPALIVE, 1)

    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_USERAGENT, userAgent)
    try check(cairn_curl_set_callback(pointer, CURLOPT_WRITEFUNCTION, keepReply))
    try check(cairn_curl_set_callback(pointer, CURLOPT_HEADERFUNCTION, countHeader))
  }

  /// Trusts the authorities of this PEM file and no others; of the system when `path` is empty.
  private func trust(_ path: Span<UInt8>) throws(HTTPSTransport.Failure) {
    guard !path.isEmpty else { return }
    var text = CString<4096>()
    guard text.append(path) else { throw .authoritiesUnreadable }
    try check(text.withCString { cairn_curl_set_text(pointer, CURLOPT_CAINFO, $0) })
    // Debian's libcurl has the system's folder as default beside the file.
    try check(cairn_curl_set_text(pointer, CURLOPT_CAPATH, nil))
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPSTransport.Failure) {
    try check(cairn_curl_set_number(pointer, option, value))
  }

  private func set(_ option: CURLoption, _ text: StaticString) throws(HTTPSTransport.Failure) {
    try check(cairn_curl_set_text(pointer, option, text.cString))
  }

  private func check(_ code: CURLcode) throws(HTTPSTransport.Failure) {
    switch code {
    case CURLE_OK: return
    case CURLE_OUT_OF_MEMORY: throw .outOfMemory
    default: throw .libraryUnfit(code: Int32(truncatingIfNeeded: code.rawValue))
    }
  }

  // MARK: A transfer

  struct Outcome {
    var code: CURLcode
    var replyByteCount = 0
    var isReplyTooLarge = false
    /// What its connection has had in bytes since it began; nil when it is closed or was never there.
    var connectionByteCount: UInt64?
    var newConnectionCount: UInt64 = 0
    var detail = FixedArray<256, UInt8>(filler: 0)
  }

  enum Method { case get, post }

  /// Posts or gets, and leaves no pointer of the caller's behind in the handle. `body` is a post's.
  func perform(
    _ method: Method, _ address: CString<512>, _ headers: borrowing HeaderList, body: Span<UInt8>,
    reply: inout MutableSpan<UInt8>
  ) -> Outcome {
    var errorText = InlineArray<256, CChar>(repeating: 0)
    var sink = ReplySink()
    var wire: UInt64?
    let code = reply.withUnsafeMutableBufferPointer { replyBuffer in
      sink.start = replyBuffer.baseAddress
      sink.capacity = replyBuffer.count
      return body.withUnsafeBufferPointer { bodyBuffer in
        withUnsafeMutablePointer(to: &sink) { sink in
          withUnsafeMutablePointer(to: &errorText) { errorText in
            run(method, address, headers, bodyBuffer, sink, errorText, &wire)
          }
        }
      }
    }
    var outcome = Outcome(code: code)
    outcome.replyByteCount = sink.count
    outcome.isReplyTooLarge = sink.isTooLarge
    outcome.connectionByteCount = wire
    outcome.newConnectionCount = UInt64(
      max(0, cairn_curl_number(pointer, CURLINFO_NUM_CONNECTS)))
    if code != CURLE_OK { Self.describe(code, errorText, into: &outcome.detail) }
    return outcome
  }

  private func run(
    _ method: Method, _ address: CString<512>, _ headers: borrowing HeaderList,
    _ body: UnsafeBufferPointer<UInt8>, _ sink: UnsafeMutablePointer<ReplySink>,
    _ errorText: UnsafeMutablePointer<InlineArray<256, CChar>>, _ wire: inout UInt64?
  ) -> CURLcode {
    // An empty body is a pointer too: without one libcurl would read from standard input.
    var nothing: UInt8 = 0
    return withUnsafeMutablePointer(to: &nothing) { nothing in
      let bytes = UnsafeMutableRawPointer(
        mutating: body.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(nothing))
      let settings: InlineArray<9, CURLcode> = [
        address.withCString { cairn_curl_set_text(pointer, CURLOPT_URL, $0) },
        cairn_curl_set_list(pointer, CURLOPT_HTTPHEADER, headers.first),
        cairn_curl_set_large(pointer, CURLOPT_POSTFIELDSIZE_LARGE, Int64(body.count)),
        cairn_curl_set_pointer(pointer, CURLOPT_POSTFIELDS, bytes),
        // Last of the three: the fields alone would make it a post.
        cairn_curl_set_number(pointer, method == .get ? CURLOPT_HTTPGET : CURLOPT_POST, 1),
        cairn_curl_set_large(pointer, CURLOPT_MAXFILESIZE_LARGE, Int64(sink.pointee.capacity)),
        cairn_curl_set_pointer(pointer, CURLOPT_WRITEDATA, sink),
        cairn_curl_set_pointer(pointer, CURLOPT_HEADERDATA, sink),
        cairn_curl_set_pointer(pointer, CURLOPT_ERRORBUFFER, errorText),
      ]
      var code = CURLE_OK
      for index in settings.indices where settings[index] != CURLE_OK { code = settings[index] }
      if code == CURLE_OK { code = transfer(&wire) }
      // These cannot fail: the options are known by now, and nothing is copied.
      _ = cairn_curl_set_list(pointer, CURLOPT_HTTPHEADER, nil)
      _ = cairn_curl_set_pointer(pointer, CURLOPT_POSTFIELDS, nil)
      _ = cairn_curl_set_pointer(pointer, CURLOPT_WRITEDATA, nil)
      _ = cairn_curl_set_pointer(pointer, CURLOPT_HEADERDATA, nil)
      _ = cairn_curl_set_pointer(pointer, CURLOPT_ERRORBUFFER, nil)
      return code
    }
  }

  /// Runs what is set up, to its end or until it is to be given up. libcurl's timeouts bound it.
  private func transfer(_ wire: inout UInt64?) -> CURLcode {
    guard curl_multi_add_handle(runner, pointer) == CURLM_OK else { return CURLE_OUT_OF_MEMORY }
    defer {
      // Afterwards libcurl no longer says which socket it was.
      wire = WireCount.byteCount(ofConnection: cairn_curl_socket(pointer))
      // Fails only for a handle that was not added.
      _ = curl_multi_remove_handle(runner, pointer)
    }
    while true {
      var runningCount: Int32 = 0
      var problem = curl_multi_perform(runner, &runningCount)
      var code = CURLE_OK
      if cairn_curl_has_ended(runner, &code) != 0 { return code }
      var isStopped: Int32 = 0
      if problem == CURLM_OK {
        problem = cairn_curl_wait(runner, stopDescriptor, Self.lookMilliseconds, &isStopped)
      }
      if isStopped != 0 { return Self.stopped }
      guard problem == CURLM_OK else {
        return problem == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT
      }
    }
  }

  /// libcurl knows when to wake up; this bounds what a mistake of it costs.
  private static var lookMilliseconds: Int32 { 1000 }

  /// No callback of ours makes libcurl say this, so that it is free for "given up because asked to".
  static var stopped: CURLcode { CURLE_ABORTED_BY_CALLBACK }

  /// libcurl's sentence about this transfer, or about the code in general.
  private static func describe(
    _ code: CURLcode, _ text: InlineArray<256, CChar>, into detail: inout FixedArray<256, UInt8>
  ) {
    for index in text.indices {
      guard text[index] != 0 else { break }
      detail.append(UInt8(bitPattern: text[index]))
    }
    guard detail.isEmpty, let general = curl_easy_strerror(code) else { return }
    var index = 0
    while general[index] != 0, detail.offer(UInt8(bitPattern: general[index])) { index += 1 }
  }

  /// What the last transfer was answered with.
  func response(byteCount: Int) -> HTTPSTransport.Response {
    HTTPSTransport.Response(
      status: cairn_curl_number(pointer, CURLINFO_RESPONSE_CODE), byteCount: byteCount,
      retryAfterSeconds: Self.seconds(header("Retry-After")),
      contentType: Self.mediaType(header("Content-Type")))
  }

  /// Of the last transfer; never below 0.
  func number(of info: CURLINFO) -> UInt64 {
    UInt64(max(0, cairn_curl_large(pointer, info)))
  }

  private func header(_ name: StaticString) -> UnsafePointer<CChar>? {
    cairn_curl_header(pointer, name.cString)
  }

  /// Decimal digits and nothing else.
  private static func seconds(_ value: UnsafePointer<CChar>?) -> UInt32? {
    guard let value, value[0] != 0 else { return nil }
    var seconds: UInt64 = 0
    var index = 0
    while value[index] != 0 {
      let byte = UInt8(bitPattern: value[index])
      guard (0x30...0x39).contains(byte) else { return nil }
      seconds = seconds * 10 + UInt64(byte - 0x30)
      guard seconds <= UInt64(UInt32.max) else { return nil }
      index += 1
    }
    return UInt32(seconds)
  }

  private static func mediaType(_ value: UnsafePointer<CChar>?) -> FixedArray<96, UInt8> {
    var type = FixedArray<96, UInt8>(filler: 0)
    guard let value else { return type }
    var index = 0
    while value[index] != 0 {
      guard type.offer(UInt8(bitPattern: value[index])) else {
        type.removeAll()
        return type
      }
      index += 1
    }
    return type
  }
}

// MARK: What libcurl calls back

/// Where an answer goes, as libcurl's user data: lives on the stack of `perform`.
struct ReplySink {
  var start: UnsafeMutablePointer<UInt8>?
  var capacity = 0
  var count = 0
  var headerByteCount = 0
  var isTooLarge = false
}

/// Keeps a piece of the body. To take fewer bytes than came ends the transfer.
private func keepReply(
  _ piece: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ userData: UnsafeMutableRawPointer?
) -> Int {
  guard let piece, let userData else { return 0 }
  let sink = userData.assumingMemoryBound(to: ReplySink.self)
  // libcurl's pieces are at most 16 KiB, and `size` is 1.
  let byteCount = size * count
  guard byteCount <= sink.pointee.capacity - sink.pointee.count, let start = sink.pointee.start
  else {
    sink.pointee.isTooLarge = true
    return 0
  }
  let source = UnsafeRawPointer(piece)
  UnsafeMutableRawPointer(start + sink.pointee.count)
    .copyMemory(from: source, byteCount: byteCount)
  sink.pointee.count += byteCount
  return byteCount
}

/// Bounds the headers: libcurl would keep as many as come.
private func countHeader(
  _ line: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ userData: UnsafeMutableRawPointer?
) -> Int {
  guard let userData else { return 0 }
  let sink = userData.assumingMemoryBound(to: ReplySink.self)
  sink.pointee.headerByteCount += size * count
  guard sink.pointee.headerByteCount <= HTTPSTransport.maximumHeaderByteCount else {
    sink.pointee.isTooLarge = true
    return 0
  }
  return size * count
}
