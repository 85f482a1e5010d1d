import CLibCurl

extension HTTPSTransport {
  /// Why there was no answer, in the operator's words. `explanation` says what to do.
  public enum Failure: Error, Equatable, Sendable {
    // The configuration: these come from `init`, and don't go away by waiting.
    case addressMalformed
    case addressTooLong
    /// A user, a query or a fragment.
    case addressHasExtras
    case schemeNotSupported
    case plainHTTPNotAllowed
    /// The file of trusted authorities cannot be read, or holds none.
    case authoritiesUnreadable
    /// libcurl is too old or built without what is needed.
    case libraryUnfit(code: Int32)
    case outOfMemory

    // The network: these come and go.
    case cannotResolve
    case resolveTimedOut
    case cannotConnect
    case connectTimedOut
    case tlsFailed(code: Int32)
    /// The reason is OpenSSL's X509_V_ERR number; 0 or 1 where it gave none, as for another host's name.
    case certificateRefused(reason: Int)
    case timedOut
    case interrupted
    case replyTooLarge
    case notHTTP
    /// The descriptor to watch was readable. Whether the gateway took what was sent is not known.
    case stopped
    /// libcurl's code, where none of the above fits.
    case other(code: Int32)
  }
}

extension HTTPSTransport.Failure {
  init(_ outcome: CurlHandle.Outcome, _ handle: borrowing CurlHandle) {
    if outcome.isReplyTooLarge {
      self = .replyTooLarge
      return
    }
    switch outcome.code {
    case CURLE_COULDNT_RESOLVE_HOST: self = .cannotResolve
    case CURLE_COULDNT_CONNECT: self = .cannotConnect
    case CURLE_OPERATION_TIMEDOUT: self = Self.timeout(handle)
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      self = .certificateRefused(
        reason: cairn_curl_number(handle.pointer, CURLINFO_SSL_VERIFYRESULT))
    case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_NOTFOUND,
      CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_SHUTDOWN_FAILED,
      CURLE_USE_SSL_FAILED:
      self = .tlsFailed(code: Int32(outcome.code.rawValue))
    case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE: self = .authoritiesUnreadable
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
      self = .interrupted
    case CURLE_FILESIZE_EXCEEDED: self = .replyTooLarge
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING,
      CURLE_HTTP2, CURLE_HTTP2_STREAM:
      self = .notHTTP
    case CURLE_OUT_OF_MEMORY: self = .outOfMemory
    case CurlHandle.stopped: self = .stopped
    default: self = .other(code: Int32(truncatingIfNeeded: outcome.code.rawValue))
    }
  }

  /// Which step took too long: libcurl notes the time at which each was done.
  private static func timeout(_ handle: borrowing CurlHandle) -> Self {
    if cairn_curl_large(handle.pointer, CURLINFO_PRETRANSFER_TIME_T) > 0 { return .timedOut }
    return cairn_curl_large(handle.pointer, CURLINFO_NAMELOOKUP_TIME_T) > 0
      ? .connectTimedOut : .resolveTimedOut
  }

  /// What it is, why that may be, what to do: for journal and status.
  public var explanation: StaticString {
    switch self {
    case .addressMalformed:
      "The gateway's address is not one. It looks like https://gateway.example.net; mend it in site.ini."
    case .addressTooLong:
      "The gateway's address has more than 447 bytes. Use a shorter one in site.ini."
    case .addressHasExtras:
      "The gateway's address has a user, '?' or '#'. Leave these out in site.ini."
    case .schemeNotSupported:
      "The gateway's address begins neither with https:// nor with http://. Mend url in site.ini, or enable cairn-uplink-mqtt instead, for mqtts:// and mqtt://."
    case .plainHTTPNotAllowed:
      "The gateway's address begins with http:// and is not this board. Use https://, or allow plain HTTP in site.ini: readings can be read on the way then, but not forged."
    case .authoritiesUnreadable:
      "The file of trusted authorities is missing, unreadable or no PEM. Install ca-certificates, or mend its path in site.ini."
    case .libraryUnfit:
      "libcurl lacks something that delivery needs. Install libcurl 7.87 or later, with OpenSSL."
    case .outOfMemory: "No memory was left for the transfer. Look what else runs on this board."
    case .cannotResolve:
      "The gateway's name is not known. Look for a typing error in its address, and whether the network gave a name server."
    case .resolveTimedOut:
      "No name server answered in time. Look at the network; delivery tries again."
    case .cannotConnect:
      "The gateway's machine refused the connection or cannot be reached. Look at the network, the port, a firewall, and whether the gateway runs."
    case .connectTimedOut:
      "The gateway's machine did not answer in time. Look at the network, the port and a firewall; delivery tries again."
    case .tlsFailed:
      "The two sides found no TLS to agree on. The gateway needs TLS 1.2 or later, and the port has to be its HTTPS port."
    case .certificateRefused:
      "The gateway's certificate is not trusted: of an authority that is not in the list, for another name, or not valid at this board's time. Look at the clock first, then at the certificate; a login page of the network does this too."
    case .timedOut:
      "The transfer was too slow or stopped. Look at the strength of the link; delivery tries again."
    case .interrupted:
      "The connection ended within the transfer. Look at the link; delivery tries again."
    case .replyTooLarge:
      "The answer is larger than any of a gateway's. Something else answers at this address; a login page of the network does this too."
    case .notHTTP: "What answers at this address does not speak HTTP. Look at address and port."
    case .stopped:
      "The transfer under way was given up, because the program was asked to end. The next start sends it again."
    case .other:
      "The transfer failed for a reason that only libcurl can name; delivery tries again. libcurl says:"
    }
  }
}
