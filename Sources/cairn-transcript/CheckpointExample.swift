import CBOR
import FixedMemory
import Proofs
import Records
import Signers

/// The worked example of Tests/Vectors/checkpoint-example.txt: made from values, with the file's names.
enum CheckpointExample {
  static func tell() {
    var key = ExampleKey.device()
    Self.tell("public key", key.publicKey.bytes.span)
    let keyID = key.publicKey.keyID
    Self.tell("kid", keyID.span)
    var frontier = MerkleFrontier()
    var previous = Digest()
    var message = Message()
    let sizes: InlineArray<3, UInt64> = [0, 4, 7]
    let times: InlineArray<4, Int64> = [12, 1000, 61_000, 181_000]
    for batch in 0..<2 {
      let items = sizes[batch]..<sizes[batch + 1]
      for index in items {
        let leaf = leaf(index)
        let hash = MerkleTree.leafHash(leaf.span)
        tell(named("leaf ", index), leaf.span)
        tell(named("leaf ", index, " hash"), hash.span)
        frontier.append(leafHash: hash)
      }
      let checkpoint = Checkpoint(
        algorithm: .ed25519, keyID: keyID, epoch: 0, batch: UInt64(batch), first: items.lowerBound,
        size: items.upperBound, boot: 1, firstLeafMilliseconds: times[2 * batch],
        lastLeafMilliseconds: times[2 * batch + 1], flags: Checkpoint.simulatedFlag,
        previous: previous, root: frontier.root())
      (previous, message) = tell(checkpoint, items, with: &key)
    }
    tellInclusion(message)
  }

  /// Everything about one checkpoint; answers what the next one names, and its message.
  private static func tell(
    _ checkpoint: Checkpoint, _ items: Range<UInt64>, with key: inout FileKey
  ) -> (Digest, Message) {
    let protected = Message { checkpoint.encodeProtected(into: $0) }
    let number = checkpoint.batch
    tell(named("checkpoint ", number, " protected"), protected.span)
    tell(named("checkpoint ", number, " root"), checkpoint.root.span)
    let structure = Message {
      COSESign1.encodeSigStructure(
        protected: protected.span, externalData: Span(), payload: checkpoint.root.span, into: $0)
    }
    tell(named("checkpoint ", number, " Sig_structure"), structure.span)
    var hash = Digest()
    let message = Message { bytes in
      do throws(SigningFailure) {
        let signed = try checkpoint.sign(with: &key, into: bytes)
        hash = signed.sigStructureHash
        return signed.byteCount
      } catch { fail("a checkpoint is not signed") }
    }
    tell(
      named("checkpoint ", number, " signature"),
      message.span.extracting(message.count - 64..<message.count))
    tell(named("checkpoint ", number, " message"), message.span)
    tell(named("checkpoint ", number, " prev for the next"), hash.span)
    let batch = batch(message, items)
    tell(named("batch ", number), batch.span)
    return (hash, message)
  }

  private static func batch(_ message: Message, _ items: Range<UInt64>) -> Message {
    var batch = Message {
      Batch.encodeHead(checkpoint: message.span, itemCount: items.count, into: $0)
    }
    for index in items {
      let leaf = leaf(index)
      let item = Message { Batch.encodeItem(leaf: leaf.span, into: $0) }
      batch.append(item.span)
    }
    return batch
  }

  private static func tellInclusion(_ message: Message) {
    var builder: PathBuilder
    do throws(PathBuilder.Failure) {
      builder = try PathBuilder(inclusionOf: 3, size: 7, start: MerkleFrontier())
    } catch { fail("the example's proof is not begun") }
    for index in 0..<7 as Range<UInt64> {
      let leaf = leaf(index)
      builder.offer(leafHash: MerkleTree.leafHash(leaf.span))
    }
    guard let path = builder.finished() else { fail("the example's proof is not finished") }
    let proof = Message { InclusionProof(size: 7, index: 3, path: path).encode(into: $0) }
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message.span)
      let receipt = Message {
        COSESign1.encodeReceipt(
          protected: message.span.extracting(parts.protected), signature: parts.signature,
          proofLabel: COSESign1.Label.inclusion, proof: proof.span, into: $0)
      }
      tell("inclusion receipt of leaf 3 in size 7", receipt.span)
    } catch { fail("a checkpoint of the example is not decoded") }
  }

  private static func tell(_ name: consuming Name, _ bytes: Span<UInt8>) {
    var whole = Name()
    whole.append("checkpoint-example ")
    whole.append(name.span)
    cairn_transcript.tell(whole.span, bytes)
  }

  private static func tell(_ name: StaticString, _ bytes: Span<UInt8>) {
    var plain = Name()
    plain.append(name)
    tell(plain, bytes)
  }

  /// The values that docs/proof-format.md gives.
  static func leaf(_ index: UInt64) -> Message {
    let zeros = Digest()
    switch index {
    case 0:
      return Message {
        LeafEncoding.boot(
          milliseconds: 12, bootCount: 1, agentVersion: "0.1.0", programHash: zeros.span,
          board: text("virtual"), configurationHash: zeros.span, flags: 1, claims: Span(), into: $0)
      }
    case 1:
      var quantities = Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0))
      quantities.append(Quantity(name: "temperature", unit: "Cel", powerOfTen: -3))
      quantities.append(Quantity(name: "humidity", unit: "%RH", powerOfTen: -3))
      quantities.append(Quantity(name: "pressure", unit: "Pa", powerOfTen: 0))
      let taken = quantities
      return Message {
        LeafEncoding.schema(
          schema: 1, milliseconds: 40, quantities: taken, chip: "BME280", bus: text("i2c-1"),
          address: 0x76, serialNumber: Span(), into: $0)
      }
    case 2:
      return Message {
        LeafEncoding.clock(
          milliseconds: 60, source: .networkTime, utcMilliseconds: 1_356_998_400_000,
          uncertaintyMilliseconds: 20, into: $0)
      }
    case 3: return reading(1000, 3900, 59_370, 101_260)
    case 4: return reading(61_000, 3910, 59_400, 101_255)
    case 5:
      return Message {
        LeafEncoding.fault(
          schema: 1, milliseconds: 121_000, code: .checksumMismatch, count: 1, into: $0)
      }
    default: return reading(181_000, 3900, nil, 101_251)
    }
  }

  private static func reading(
    _ milliseconds: Int64, _ temperature: Int64, _ humidity: Int64?, _ pressure: Int64
  ) -> Message {
    var values = ReadingValues(filler: nil)
    values.append(temperature)
    values.append(humidity)
    values.append(pressure)
    let taken = values
    return Message {
      LeafEncoding.reading(schema: 1, milliseconds: milliseconds, values: taken, into: $0)
    }
  }
}
