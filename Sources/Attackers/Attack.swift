/// What somebody tries (docs/threat-model.md, "Coverage").
public enum Attack: String, CaseIterable, Sendable {
  case liar
  case nearLiar = "liar-near"
  case inventorBefore = "inventor-before"
  case inventorAfter = "inventor-after"
  case inventorTold = "inventor-told"
  case inventorRing = "inventor-ring"
  case relay
  case shiftedRelay = "shifted-relay"
  case middleman
  case rebroadcaster
  case cluster
  case grinder
  case aborter
  case replay
  case clone
  case epochJumper = "epoch-jumper"
  case clock
  case amplifier
  case amplifierAlways = "amplifier-always"
  case amplifierDeaf = "amplifier-deaf"
  case amplifierEven = "amplifier-even"
  case flood
  case backdatingGateway = "backdating-gateway"

  /// For the table.
  public var explanation: String {
    switch self {
    case .liar: "claims a place 3 to 15 km away"
    case .nearLiar: "claims a place 1 km away"
    case .inventorBefore: "witnesses of beacons not heard, frame guessed"
    case .inventorAfter: "witnesses made up once the reveal can be read"
    case .inventorTold: "told the frame by the sender, but not the power"
    case .inventorRing: "real nodes that tell each other frame and power"
    case .relay: "receptions told elsewhere, figures as they were"
    case .shiftedRelay: "receptions told elsewhere, figures fitted"
    case .middleman: "one receiver for many keys, figures edited"
    case .rebroadcaster: "repeats beacons on the air"
    case .cluster: "many keys on one board, all of them sending"
    case .grinder: "tries links and chains for the best draw"
    case .aborter: "skips draws of low power"
    case .replay: "old frames, and another's"
    case .clone: "a copied card at two places"
    case .epochJumper: "a new epoch, and the old one goes on"
    case .clock: "wrong, rewound, or uncertain clock"
    case .amplifier: "20 dBm whatever was drawn"
    case .amplifierAlways: "6 dB more than drawn, always"
    case .amplifierDeaf: "the same, and tells nothing of what it hears"
    case .amplifierEven: "the same, and says to hear 6 dB more too"
    case .flood: "garbage in others' names, unknown keys"
    case .backdatingGateway: "enrolments, receipts, challenges dated back"
    }
  }
}
