import EventLoop
import Machine
import PCI
import SimulatedKernel
import Testing
import Tracing

@Suite struct PCIStatusTests {
  /// What a monitor sees follows what the guest programs, and looking changes and traces nothing.
  @Test func `The functions that a guest finds are told as it has programmed them`() throws {
    try MainLoop.own {
      let simulated = try SimulatedMachine(
        [
          "-device", "pcie-root-port,id=rp0,addr=2", "-object", "iommufd,id=i0", "-device",
          "vfio-pci,host=0000:81:00.0,iommufd=i0,id=n0,bus=rp0", "-device",
          "vfio-pci,host=0000:81:00.1,iommufd=i0,addr=3",
        ], on: SimulatedKernel(try Checkout.host("x710-pair")))
      let machine = simulated.machine
      #expect(machine.pciDevices.map(\.slot) == [0, 2, 3, 31])
      #expect(machine.pciDevices.map(\.id) == [nil, "rp0", nil, nil])
      #expect(machine.pciDevices[1].bridge?.devices == [])

      // Bus 1 behind the port, memory at 3.5 GiB passed on; BAR 0 of the function on the root bus.
      simulated.writeConfigDword(slot: 2, offset: 0x18, 0x0001_0100)
      simulated.writeConfigDword(slot: 2, offset: 0x20, 0xe01f_e000)
      simulated.writeConfigDword(slot: 3, offset: 0x10, 0xe100_0000)
      simulated.writeConfigDword(slot: 3, offset: 0x14, 0)
      simulated.writeConfig(slot: 3, offset: 0x04, 2)
      simulated.trace.removeAll()
      machine.tracer.set("vfio*", enabled: true)
      let devices = machine.pciDevices
      #expect(simulated.trace.lines.isEmpty)

      let bridge = try #require(devices[1].bridge)
      #expect(bridge.secondaryBus == 1 && bridge.subordinateBus == 1 && bridge.primaryBus == 0)
      #expect(bridge.memory == .init(base: 0xe000_0000, limit: 0xe01f_ffff))
      #expect(bridge.devices.map(\.id) == ["n0"])
      #expect(bridge.devices.map(\.bus) == [1])
      #expect(bridge.devices.first?.identity == .init(vendor: 0x8086, device: 0x1572))
      #expect(devices[1].subsystem == nil && devices[1].classCode == 0x0604)

      let function = devices[2]
      #expect(function.classCode == 0x0200)
      #expect(
        function.regions.first
          == FunctionRegion(
            index: 0, kind: .memory64, isPrefetchable: true, size: 0x80_0000, address: 0xe100_0000))
      #expect(function.regions.dropFirst().map(\.index) == [3])
    }
  }
}
