import CBOR
import FixedMemory
import Proofs

/// Leaf `index` of the trees here.
private func leafHash(_ index: UInt64) -> Digest {
  var bytes = InlineArray<8, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  span.storeLittleEndian(index, at: 0)
  return MerkleTree.leafHash(span.span)
}

/// Roots of all sizes up to 600; all proofs of all sizes up to 64, each verified; and a tree whose numbers
/// are beyond 32 bits.
func tellTrees() {
  var frontier = MerkleFrontier()
  var roots = InlineArray<65, Digest>(repeating: Digest())
  for size in 0...600 as ClosedRange<UInt64> {
    let root = frontier.root()
    if size <= 64 { roots[Int(size)] = root }
    let name = named("merkle root of size ", size)
    tell(name.span, root.span)
    frontier.append(leafHash: leafHash(size))
  }
  for size in 1...64 as ClosedRange<UInt64> { tellProofs(ofSize: size, roots) }
  tellHighTree()
}

private func tellProofs(ofSize size: UInt64, _ roots: InlineArray<65, Digest>) {
  var tally = Tally()
  for index in 0..<size {
    var builder: PathBuilder
    do throws(PathBuilder.Failure) {
      builder = try PathBuilder(inclusionOf: index, size: size, start: MerkleFrontier())
    } catch { fail("a proof of inclusion is not begun") }
    let path = path(from: &builder, size: size)
    guard
      MerkleProof.includes(
        leafHash: leafHash(index), index: index, size: size, path: path, root: roots[Int(size)])
    else { fail("a proof of inclusion does not hold") }
    add(path, to: &tally)
    let encoded = Message { bytes in
      InclusionProof(size: size, index: index, path: path).encode(into: bytes)
    }
    tally.add(encoded.span)
  }
  for older in 1...size {
    var builder: PathBuilder
    do throws(PathBuilder.Failure) {
      builder = try PathBuilder(consistencyFrom: older, to: size, start: MerkleFrontier())
    } catch { fail("a proof of consistency is not begun") }
    let path = path(from: &builder, size: size)
    guard
      MerkleProof.isConsistent(
        size1: older, root1: roots[Int(older)], size2: size, root2: roots[Int(size)], path: path)
    else { fail("a proof of consistency does not hold") }
    add(path, to: &tally)
  }
  let name = named("merkle proofs of size ", size)
  tally.tell(name.span)
}

private func path(from builder: inout PathBuilder, size: UInt64) -> MerklePath {
  while builder.nextLeafIndex < size { builder.offer(leafHash: leafHash(builder.nextLeafIndex)) }
  guard let path = builder.finished() else { fail("a proof is not finished") }
  return path
}

private func add(_ path: MerklePath, to tally: inout Tally) {
  tally.add(count: path.count)
  for index in path.indices {
    let digest = path[index]
    tally.add(digest.span)
  }
}

/// A tree of 2^62 + 2^33 + 2^31 + 5 leaves, of which only the peaks are known, and a proof in it.
private func tellHighTree() {
  let size: UInt64 = 1 << 62 | 1 << 33 | 1 << 31 | 5
  var frontier = MerkleFrontier()
  var rest = size
  while rest > 0 {
    let count = UInt64(1) << UInt64(63 - rest.leadingZeroBitCount)
    guard frontier.accepts(subtreeOf: count) else { fail("a peak is not accepted") }
    frontier.append(subtree: leafHash(count), count: count)
    rest -= count
  }
  frontier.checkInvariants()
  let root = frontier.root()
  tell("merkle root of a tree of 2^62 leaves and more", root.span)
  var builder: PathBuilder
  do throws(PathBuilder.Failure) {
    builder = try PathBuilder(inclusionOf: size, size: size + 3, start: frontier)
  } catch { fail("a proof in a high tree is not begun") }
  let path = path(from: &builder, size: size + 3)
  var tally = Tally()
  add(path, to: &tally)
  tally.tell("merkle proof in a tree of 2^62 leaves and more")
  var whole = frontier
  for index in size..<size + 3 { whole.append(leafHash: leafHash(index)) }
  guard
    MerkleProof.includes(
      leafHash: leafHash(size), index: size, size: size + 3, path: path, root: whole.root())
  else { fail("a proof in a high tree does not hold") }
}
