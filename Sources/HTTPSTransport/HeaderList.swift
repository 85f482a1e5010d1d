import CLibCurl
import FixedMemory

/// The request's headers as libcurl's list, freed with its owner.
@usableFromInline struct HeaderList: ~Copyable {
  @usableFromInline private(set) var first: UnsafeMutablePointer<curl_slist>?

  init(contentType: StaticString?, accept: StaticString) throws(HTTPSTransport.Failure) {
    first = nil
    if let contentType { try append("Content-Type: ", contentType) }
    try append("Accept: ", accept)
    // Without a value: libcurl leaves its own out, and does not wait for a 100.
    try append("Expect:", "")
  }

  @inlinable deinit { curl_slist_free_all(first) }

  private mutating func append(_ name: StaticString, _ value: StaticString)
    throws(HTTPSTransport.Failure)
  {
    var line = CString<256>()
    precondition(line.append(name) && line.append(value), "a header of more than 255 bytes")
    guard let longer = line.withCString({ curl_slist_append(first, $0) }) else {
      throw .outOfMemory
    }
    first = longer
  }
}
