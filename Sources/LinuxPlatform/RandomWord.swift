import CLinux

/// A random number of the kernel's, for spreading pauses and not for secrets.
public func randomWord() -> UInt64 { cairn_random_word() }
