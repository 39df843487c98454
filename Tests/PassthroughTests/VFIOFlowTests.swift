import Passthrough
import Testing
import Tracing

@Suite struct VFIOFlowTests {
  @Test func aFlowIsFoundByItsNameAndPrintsItsOwnDialect() {
    #expect(VFIOFlow.all.map(\.name) == ["qemu-11.1", "iommufd-rfcv3"])
    #expect(VFIOFlow.all.map(\.dialect.rawValue) == VFIOFlow.all.map(\.name))
  }

  @Test func theTwoFlowsDifferInEveryField() {
    let (new, old) = (VFIOFlow.qemu11, VFIOFlow.iommufdRFCv3)
    #expect([new.checksPowerStateFirst, old.checksPowerStateFirst] == [false, true])
    #expect([new.resetsDependentsAgain, old.resetsDependentsAgain] == [false, true])
    #expect([new.announcesResetHandler, old.announcesResetHandler] == [true, false])
    #expect([new.expectsIRQFD, old.expectsIRQFD] == [false, true])
  }
}
