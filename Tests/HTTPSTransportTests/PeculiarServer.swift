import Foundation

/// A server on a free port of loopback that behaves as the first part of the path says. Ends with its
/// owner.
final class PeculiarServer {
  let port: Int
  /// Holds the certificate that the server shows, as `certificate.pem`.
  let folder: URL
  private let process = Process()
  /// Its end is the server's, even when the tests end without a farewell.
  private let lifeline = Pipe()

  enum TLS: String {
    case none, valid, otherName, tls11
  }

  struct Problem: Error { let what: String }

  init(_ tls: TLS = .none) throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("cairn-transport-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if tls != .none {
      let name = tls == .otherName ? "DNS:gateway.invalid" : "IP:127.0.0.1,DNS:localhost"
      try Self.makeCertificate(in: folder, name: name)
    }
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "python3", "-W", "ignore", "-u", "-c", Self.script, tls.rawValue, folder.path,
    ]
    process.standardOutput = output
    process.standardInput = lifeline
    try process.run()
    // One line: the port, once it listens.
    var line = Data()
    while !line.contains(10) {
      let piece = output.fileHandleForReading.availableData
      guard !piece.isEmpty else { throw Problem(what: "the server ended") }
      line.append(piece)
    }
    let text = String(decoding: line.prefix { $0 != 10 }, as: UTF8.self)
    guard let port = Int(text) else { throw Problem(what: "no port: \(text)") }
    self.port = port
  }

  deinit {
    // Not SIGTERM: threads of the test runner block it, and children inherit that.
    kill(process.processIdentifier, SIGKILL)
    // A folder that stays behind harms nobody.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  var authorities: String { folder.appendingPathComponent("certificate.pem").path }

  static func makeCertificate(in folder: URL, name: String) throws {
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    openssl.currentDirectoryURL = folder
    openssl.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-days", "2", "-subj", "/CN=cairn test", "-addext", "subjectAltName=\(name)", "-keyout",
      "key.pem", "-out", "certificate.pem",
    ]
    openssl.standardError = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()
    guard openssl.terminationStatus == 0 else { throw Problem(what: "openssl failed") }
  }

  static let script = #"""
    import os, socket, ssl, sys, threading, time

    def live():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=live, daemon=True).start()
    kind, folder = sys.argv[1], sys.argv[2]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    context = None
    if kind != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "tls11":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1_1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(folder + "/certificate.pem", folder + "/key.pem")
    print(listener.getsockname()[1])
    connections = 0
    COSE = b'application/cose; cose-type="cose-sign1"'

    def answer(status, body, *headers):
        lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def serve(plain, number):
        try:
            stream = context.wrap_socket(plain, server_side=True) if context else plain
            reader = stream.makefile("rb")
            while True:
                request = reader.readline()
                if not request: return
                fields = {}
                while (line := reader.readline()) not in (b"\r\n", b""):
                    name, value = line.decode().split(":", 1)
                    fields[name.lower()] = value.strip()
                body = reader.read(int(fields.get("content-length", "0")))
                method, path, _ = request.decode().split()
                if not behave(stream, path.split("/")[1], method, path, fields, body, number):
                    stream.close()
                    return
        except (OSError, ValueError):
            pass
        finally:
            plain.close()

    def behave(stream, what, method, path, fields, body, number):
        send = stream.sendall
        if what == "receipt":
            send(answer(b"200 OK", b"\xd2\x84" + body, b"Content-Type: " + COSE))
        elif what == "request":
            text = f"{method} {path}\n" + "".join(f"{k}: {v}\n" for k, v in sorted(fields.items()))
            send(answer(b"200 OK", text.encode(), b"Content-Type: text/plain"))
        elif what == "connection":
            send(answer(b"200 OK", b"%d" % number))
        elif what == "html":
            send(answer(b"200 OK", b"<html>Welcome</html>", b"Content-Type: text/html"))
        elif what == "redirect":
            send(answer(b"307 Temporary Redirect", b"", b"Location: /receipt"))
        elif what == "busy":
            send(answer(b"503 Service Unavailable", b"", b"Retry-After: 17"))
        elif what == "busy-date":
            send(answer(b"503 Busy", b"", b"Retry-After: Wed, 21 Oct 2065 07:28:00 GMT"))
        elif what == "busy-huge":
            send(answer(b"503 Busy", b"", b"Retry-After: 99999999999999999999999"))
        elif what == "empty":
            send(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif what == "continue":
            send(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"200 OK", b"ok"))
        elif what == "exact":
            send(answer(b"200 OK", b"x" * int(path.split("/")[2])))
        elif what == "large-chunked":
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(100000): send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        elif what == "headers":
            send(b"HTTP/1.1 200 OK\r\n")
            for n in range(1000000): send(b"X-%d: %s\r\n" % (n, b"y" * 60))
        elif what == "long-type":
            send(answer(b"200 OK", b"", b"Content-Type: application/" + b"c" * 200))
        elif what == "never":
            time.sleep(60)
        elif what == "drip":
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
            for _ in range(600):
                send(b"x")
                time.sleep(0.1)
        elif what == "silent-body":
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            time.sleep(60)
        elif what == "cut":
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            return False
        elif what == "close":
            return False
        elif what == "close-after":
            send(answer(b"200 OK", b"%d" % number))
            return False
        elif what == "noise":
            send(b"SSH-2.0-OpenSSH_9.2\r\n")
            return False
        return True

    while True:
        accepted, _ = listener.accept()
        connections += 1
        threading.Thread(target=serve, args=(accepted, connections), daemon=True).start()
    """#
}
