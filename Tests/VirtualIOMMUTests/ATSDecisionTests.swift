import Testing
import VirtualIOMMU

@Suite struct ATSDecisionTests {
  private static let masked =
    "vfio-pci: host kernel reports ATS unsupported; ATS capability will be masked"
  private static let missing =
    "vfio-pci: ats=on requested, but host device has no ATS extended capability"

  @Test(
    arguments: [
      (.off, .none, true, false, nil), (.off, .usable, true, false, nil),
      (.off, .notSupported, true, false, nil), (.off, .usable, false, false, nil),
      (.auto, .none, true, true, nil), (.auto, .none, false, false, nil),
      (.auto, .usable, true, true, nil), (.auto, .usable, false, false, nil),
      (.auto, .notSupported, true, false, masked), (.auto, .notSupported, false, false, nil),
      (.on, .none, true, true, nil), (.on, .none, false, false, missing),
      (.on, .usable, true, true, nil), (.on, .usable, false, false, missing),
    ] as [(ATSDecision.Request, ATSDecision.HostAnswer, Bool, Bool, String?)])
  func `ATS is shown as QEMU shows it`(
    request: ATSDecision.Request, host: ATSDecision.HostAnswer, has: Bool, isShown: Bool,
    warning: String?
  ) throws {
    let decision = try ATSDecision(request, host: host, hasCapability: has)
    #expect(decision.isShown == isShown)
    #expect(decision.warning?.message == warning)
  }

  @Test(arguments: [true, false])
  func `Asking for ATS that the host rules out is an error`(has: Bool) {
    #expect {
      try ATSDecision(.on, host: .notSupported, hasCapability: has)
    } throws: { error in
      (error as? ATSDecision.NotSupported)?.message
        == "vfio-pci: ATS requested but not supported by kernel"
    }
  }

  @Test(arguments: [
    ("gpu", ATSDecision.HostAnswer.usable), ("lab", .notSupported), ("group", .none),
    ("mute", .none),
  ])
  func `The host's answer is the function's own`(name: String, answer: ATSDecision.HostAnswer)
    throws
  {
    #expect(ATSDecision.HostAnswer(try #require(Devices.all[name])) == answer)
  }
}
