import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import NIOCore
import Proofs
import Records

/// What devices and owners post: batches, enrolments and revocations (docs/delivery-protocol.md).
struct DeviceRoutes: Sendable {
  private let gateway: Gateway
  private let events: GatewayEvents?
  private let counts: VerdictCounts
  private let commit: GroupCommit
  private let bodySeconds: Int64
  private let now: @Sendable () -> Int64

  init(
    _ gateway: Gateway, events: GatewayEvents?, counts: VerdictCounts, bodySeconds: Int64,
    now: @escaping @Sendable () -> Int64
  ) {
    self.gateway = gateway
    self.events = events
    self.counts = counts
    self.bodySeconds = bodySeconds
    self.now = now
    commit = GroupCommit(gateway) { answer, batch in
      counts.count(answer)
      events?.answer(answer, to: batch, store: gateway.store)
    }
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.post("/v1/batches") { request, _ in try await self.batch(request) }
    router.post("/v1/devices") { request, _ in try await self.device(request) }
    router.post("/v1/revocations") { request, _ in try await self.revocation(request) }
    router.refuseOthers(at: "/v1/batches", than: [.post], "Batches are posted here.")
    router.refuseOthers(
      at: "/v1/devices", than: [.get, .post], "Enrolments are posted here, and devices are listed.")
    router.refuseOthers(at: "/v1/revocations", than: [.post], "Revocations are posted here.")
  }

  private func batch(_ request: Request) async throws -> Response {
    let wantsJSON = wantsJSON(request)
    do throws(Problem) {
      let bytes = try await body(
        of: request, limit: Batch.maximumByteCountWithSubtrees, .cbor)
      let checked = try gateway.check(bytes, utcMilliseconds: now())
      switch await commit.store(checked) {
      case .stored(let receipt, _), .repeated(let receipt, _), .filled(let receipt, _):
        return Response(
          status: .ok, headers: [.contentType: MediaType.cose, .cacheControl: "no-store"],
          body: .init(bytes: receipt))
      case .refused(let problem, _): return problem.response(asJSON: wantsJSON)
      }
    } catch {
      return refused(error, asJSON: wantsJSON)
    }
  }

  private func device(_ request: Request) async throws -> Response {
    let wantsJSON = wantsJSON(request)
    do throws(Problem) {
      let bytes = try await body(of: request, limit: Gateway.maximumEnrolmentByteCount, .cose)
      let enrolled = try gateway.enrol(bytes, utcMilliseconds: now())
      counts.countEnrolment(isNew: enrolled.isNew)
      events?.device(enrolled)
      return Response(
        status: enrolled.isNew ? .created : .ok,
        headers: [.contentType: MediaType.cbor, .cacheControl: "no-store"],
        body: .init(bytes: enrolled.answer))
    } catch {
      return refused(error, asJSON: wantsJSON)
    }
  }

  private func revocation(_ request: Request) async throws -> Response {
    let wantsJSON = wantsJSON(request)
    do throws(Problem) {
      let bytes = try await body(of: request, limit: Gateway.maximumEnrolmentByteCount, .cose)
      let revoked = try gateway.revoke(bytes, utcMilliseconds: now())
      events?.revoked(revoked)
      return Response.json(
        .object([
          ("device", .text(revoked.keyHash.hexadecimal)),
          ("reason", .unsigned(UInt64(revoked.reason.rawValue))),
          ("new", .boolean(revoked.isNew)),
        ]))
    } catch {
      return refused(error, asJSON: wantsJSON)
    }
  }

  /// A refusal before there was a log to look at.
  private func refused(_ problem: Problem, asJSON: Bool) -> Response {
    counts.count(.refused(problem, nil))
    events?.answer(.refused(problem, nil), to: nil, store: gateway.store)
    return problem.response(asJSON: asJSON)
  }

  /// Devices that name nothing get CBOR; a person with a command line can ask for JSON.
  private func wantsJSON(_ request: Request) -> Bool {
    let preferred = MediaType.preferred(
      of: [MediaType.conciseProblem, MediaType.problemJSON, MediaType.json],
      accept: request.headers[.accept])
    return preferred == MediaType.problemJSON || preferred == MediaType.json
  }

  /// The whole body. Size comes before media type, so that one fault has one code everywhere.
  private func body(of request: Request, limit: Int, _ format: BodyFormat) async throws(Problem)
    -> [UInt8]
  {
    if let announced = request.headers[.contentLength].flatMap({ Int($0) }), announced > limit {
      throw Problem(.tooLarge, detail: "At most \(limit) bytes are taken here.")
    }
    let collected = await BodyReading.collect(request.body, limit: limit, seconds: bodySeconds)
    switch collected {
    case .complete(let bytes):
      guard MediaType.essence(request.headers[.contentType] ?? "") == format.rawValue else {
        throw Problem(
          .unsupportedMediaType, detail: "This is taken as \(format.rawValue) only.")
      }
      return bytes
    case .tooLarge: throw Problem(.tooLarge, detail: "At most \(limit) bytes are taken here.")
    case .incomplete:
      throw Problem(.unavailable, detail: "The body did not arrive whole.", retryAfterSeconds: 1)
    }
  }
}

/// What a body has to say that it is.
private enum BodyFormat: String {
  case cbor = "application/cbor"
  case cose = "application/cose"
}

/// Reads a request's body within a limit of bytes and of time.
enum BodyReading: Sendable {
  case complete([UInt8])
  case tooLarge
  case incomplete

  static func collect(_ body: RequestBody, limit: Int, seconds: Int64) async -> BodyReading {
    await withTaskGroup(of: BodyReading.self) { group in
      group.addTask {
        do {
          return .complete(Array(buffer: try await body.collect(upTo: limit)))
        } catch is NIOTooManyBytesError {
          return .tooLarge
        } catch {
          return .incomplete
        }
      }
      group.addTask {
        do {
          try await Task.sleep(for: .seconds(seconds))
        } catch {
          // Cancelled: the body was first.
        }
        return .incomplete
      }
      let first = await group.next() ?? .incomplete
      group.cancelAll()
      return first
    }
  }
}
