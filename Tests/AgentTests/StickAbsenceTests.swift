import LinuxPlatform
import Records
import Testing

@testable import cairn_agent

/// Why a stick is of no use, as leaves have it.
@Suite struct StickAbsenceTests {
  @Test(arguments: [
    (USBBridgeAbsence.bridge, FaultCode.bridgeAbsent, UInt32(28)),
    (.foreign, .bridgeForeign, 29), (.failing, .stickFailing, 30), (.stick, .disconnected, 8),
  ])
  func eachAbsenceHasItsOwnCode(absence: USBBridgeAbsence, code: FaultCode, number: UInt32) {
    #expect(absence.faultCode == code)
    #expect(UInt32(code.rawValue) == number)
  }
}
