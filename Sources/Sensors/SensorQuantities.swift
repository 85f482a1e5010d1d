import Records

/// Names and units are SenML's (RFC 8428 section 12.1; `ppm` from RFC 8798).
extension Quantity {
  static func temperature(powerOfTen: Int8) -> Quantity {
    Quantity(name: "temperature", unit: "Cel", powerOfTen: powerOfTen)
  }
  static func relativeHumidity(powerOfTen: Int8) -> Quantity {
    Quantity(name: "humidity", unit: "%RH", powerOfTen: powerOfTen)
  }
  static func pressure(powerOfTen: Int8) -> Quantity {
    Quantity(name: "pressure", unit: "Pa", powerOfTen: powerOfTen)
  }
  static func carbonDioxide(powerOfTen: Int8) -> Quantity {
    Quantity(name: "co2", unit: "ppm", powerOfTen: powerOfTen)
  }
}
