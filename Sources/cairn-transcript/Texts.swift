import FixedMemory

/// Numbers as people read them: integers around every power of two, with every power of ten.
func tellTexts() {
  for power in 0..<64 as Range<Int64> {
    var tally = Tally()
    for delta in -1...1 as ClosedRange<Int64> {
      let value = (Int64(1) << power) &+ delta
      add(value, to: &tally)
      add(0 &- value, to: &tally)
    }
    let name = named("texts around 2^", UInt64(power))
    tally.tell(name.span)
  }
  var text = TextBuilder<64>()
  text.append(fixedPoint: .min, powerOfTen: -7)
  text.append(" ")
  text.append(UInt64.max)
  tell("text of the ends", text.span)
}

private func add(_ value: Int64, to tally: inout Tally) {
  for power in -20...20 as ClosedRange<Int8> {
    var text = TextBuilder<64>()
    text.append(fixedPoint: value, powerOfTen: power)
    tally.add(text.span)
  }
  var text = TextBuilder<64>()
  text.append(UInt64(bitPattern: value))
  text.append(" ")
  text.append(hex: UInt64(bitPattern: value), digits: 3)
  tally.add(text.span)
  var fixed = FixedText<24>()
  fixed.write(decimal: value)
  tally.add(fixed.span)
}
