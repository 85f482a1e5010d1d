import Records

/// The steps that the table branches to: each sets the state and says the action.
extension DeliveryStateMachine {
  mutating func send(_ errand: Errand) -> Action {
    enter(.sending(errand))
    guard let resumption = errand.resumption else { return .send(errand.position) }
    // Of a later epoch the gateway has no leaves.
    let isSameEpoch = resumption.expected.epoch == errand.position.epoch
    return .sendResumed(errand.position, from: isSameEpoch ? resumption.size : 0)
  }

  mutating func wait(
    _ errand: Errand, _ hindrance: Hindrance, afterSeconds: UInt32?, _ randomWord: UInt64
  ) -> Action {
    enter(.waiting(errand, hindrance))
    if let afterSeconds {
      return .startTimer(
        milliseconds: Backoff.milliseconds(
          retryAfterSeconds: afterSeconds, randomWord: randomWord))
    }
    return .startTimer(
      milliseconds: Backoff.milliseconds(attempt: errand.attempt, randomWord: randomWord))
  }

  mutating func block(_ errand: Errand, _ reason: BlockReason, _ randomWord: UInt64) -> Action {
    enter(.blocked(errand, reason))
    return .block(
      reason, retryMilliseconds: Backoff.blockedMilliseconds(randomWord: randomWord))
  }

  /// The gateway misses something, or has more than was thought.
  mutating func answerGap(_ errand: Errand, _ answer: Resumption, _ randomWord: UInt64)
    -> Action
  {
    if let resumption = errand.resumption, resumption.expected == answer.expected {
      return block(errand, .notResumable, randomWord)
    }
    var errand = errand
    errand.gapCount += 1
    guard answer.expected != errand.position || errand.resumption != nil,
      errand.gapCount < Self.maximumGapCount
    else {
      return wait(errand.plain(), .contradiction, afterSeconds: nil, randomWord)
    }
    enter(.seeking(errand, answer))
    return .seek(answer.expected)
  }

  mutating func answerUnknownKey(_ errand: Errand, _ randomWord: UInt64) -> Action {
    // It took the key and does not know it: asking again at once would never end.
    guard !errand.isKeySent else {
      return block(errand, .refused(code: RefusalCode.unknownKey.rawValue), randomWord)
    }
    enter(.enrolling(errand))
    return .sendKey
  }

  /// The gateway asks for what the spool no longer holds.
  mutating func resume(
    _ errand: Errand, _ resumption: Resumption, _ oldest: BatchPosition?, _ randomWord: UInt64
  ) -> Action {
    // Nothing, though a batch was ready: emptied, or unreadable to its end. A pause, or this would spin.
    // And a spool that names an older batch than the one it does not hold is not to be believed.
    guard let oldest, oldest > resumption.expected else {
      return wait(errand, .spoolUnreadable, afterSeconds: nil, randomWord)
    }
    return send(errand.moved(to: oldest, resumption: resumption.needed(at: oldest)))
  }

  /// What was to be sent is gone from the spool: goes on with the oldest that it holds.
  mutating func skip(_ errand: Errand, to oldest: BatchPosition?, _ randomWord: UInt64) -> Action {
    guard let oldest, oldest > errand.position else {
      return wait(errand, .spoolUnreadable, afterSeconds: nil, randomWord)
    }
    return send(errand.moved(to: oldest, resumption: errand.resumption?.needed(at: oldest)))
  }
}

extension DeliveryStateMachine.Resumption {
  /// The first batch of a later epoch has no leaves before it.
  func needed(at position: BatchPosition) -> Self? {
    position.epoch > expected.epoch && position.batch == 0 ? nil : self
  }
}

extension DeliveryStateMachine.Errand {
  /// The same troubles, another batch.
  func moved(to position: BatchPosition, resumption: DeliveryStateMachine.Resumption?) -> Self {
    var moved = Self(position: position)
    moved.resumption = resumption
    moved.attempt = attempt
    moved.gapCount = gapCount
    moved.isKeySent = isKeySent
    return moved
  }

  /// As it was asked for first, without subtree hashes.
  func plain() -> Self { moved(to: position, resumption: nil) }

  /// After a pause: one attempt more, and gaps are counted anew.
  func retried() -> Self {
    var retried = Self(position: position)
    retried.resumption = resumption
    retried.attempt = attempt == .max ? .max : attempt + 1
    return retried
  }
}
