import FixedMemory
import Identity
import Proofs
import Records
import Verifier

/// A verdict for programs.
extension Output {
  mutating func object(_ verdict: Verdict) {
    beginObject()
    member("valid", verdict.refusal == nil)
    member("kind", text: verdict.kind.name)
    if let key = verdict.key {
      member("kid", hex: key.keyID.span)
      member("algorithm", text: key.algorithm.name)
    } else {
      member(null: "kid")
      member(null: "algorithm")
    }
    member("keyGiven", verdict.isKeyGiven)
    if let hash = verdict.hash { member("name", hex: hash.span) } else { member(null: "name") }
    if let refusal = verdict.refusal { object(refusal, verdict) }
    if let checkpoint = verdict.checkpoint?.checkpoint { object(checkpoint) }
    if let content = verdict.content {
      member("leaves", UInt64(content.leafCount))
      member("withheld", content.withheldCount)
    }
    if let index = verdict.leafIndex { member("leaf", index) }
    if let leaf = verdict.gatewayLeaf {
      member("leafKind", text: leaf.kind.name)
      member("leafTime", utc: leaf.utcMilliseconds)
    }
    if let size = verdict.olderSize { member("olderSize", size) }
    if let document = verdict.document { object(document) }
    endDocument()
  }

  private mutating func object(_ refusal: Refusal, _ verdict: Verdict) {
    beginObject("refusal")
    member("code", UInt64(refusal.code.rawValue))
    member("name", text: refusal.code.name)
    member("meaning", text: refusal.code.meaning)
    if let index = refusal.leafIndex { member("leaf", index) } else { member(null: "leaf") }
    member("missesBeginning", verdict.missesBeginning)
    member("olderAtFault", verdict.isOlderAtFault)
    endObject()
  }

  private mutating func object(_ checkpoint: Checkpoint) {
    beginObject("checkpoint")
    member("epoch", checkpoint.epoch)
    member("batch", checkpoint.batch)
    member("boot", checkpoint.boot)
    member("first", checkpoint.first)
    member("size", checkpoint.size)
    member("firstLeafMilliseconds", checkpoint.firstLeafMilliseconds)
    member("lastLeafMilliseconds", checkpoint.lastLeafMilliseconds)
    member("simulated", checkpoint.isSimulated)
    member("root", hex: checkpoint.root.span)
    member("previous", hex: checkpoint.previous.span)
    endObject()
  }
}
