import EventLoop
import Machine
import PCI
import SimulatedKernel
import Testing

@Suite struct SharedLineTests {
  /// Routes PIRQE to IRQ 4, level-triggered, and waits for it; has COM1 raise and lower the same line;
  /// exits with what the 8259 still has requested of it.
  private static let code: [UInt8] = [
    0x66, 0xba, 0xd0, 0x04,  // mov $0x4d0, %dx
    0xb0, 0x10,  // mov $0x10, %al
    0xee,  // out %al, (%dx)
    0x66, 0xba, 0xf8, 0x0c,  // mov $0xcf8, %dx
    0xb8, 0x68, 0xf8, 0x00, 0x80,  // mov $0x8000f868, %eax
    0xef,  // out %eax, (%dx)
    0x66, 0xba, 0xfc, 0x0c,  // mov $0xcfc, %dx
    0xb0, 0x04,  // mov $4, %al
    0xee,  // out %al, (%dx)
    0xe4, 0x20,  // in $0x20, %al
    0xa8, 0x10,  // test $0x10, %al
    0x74, 0xfa,  // jz to the input
    0x66, 0xba, 0xf9, 0x03,  // mov $0x3f9, %dx
    0xb0, 0x02,  // mov $2, %al
    0xee,  // out %al, (%dx)
    0x30, 0xc0,  // xor %al, %al
    0xee,  // out %al, (%dx)
    0xe4, 0x20,  // in $0x20, %al
    0x24, 0x10,  // and $0x10, %al
    0x66, 0xba, 0x01, 0x05,  // mov $0x501, %dx
    0xee,  // out %al, (%dx)
    0xf4, 0xeb, 0xfd,  // hlt, again and again
  ]

  @Test(
    .timeLimit(.minutes(15)), .enabled(if: TinyPayload.canRun), arguments: ["on", "split"])
  func aDeviceThatLetsTheLineGoLeavesThePCIInterruptThere(interruptController: String) async {
    // In a process of its own, since the main loop is run to its end.
    await #expect(processExitsWith: .success) {
      [interruptController = interruptController as String] in
      let payload = try TinyPayload(SharedLineTests.code)
      try MainLoop.own {
        let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"), runsGuests: true)
        let machine = try SimulatedMachine(
          [
            "-accel", "kvm,kernel-irqchip=\(interruptController)", "-kernel", payload.path,
            "-serial", "null", "-device", "isa-debug-exit", "-device",
            "vfio-pci,host=0000:81:00.0,addr=04.0,x-no-kvm-intx=on",
          ], on: kernel)
        try kernel.setInterruptLine(of: PCIAddress(bus: 0x81, devfn: 0), asserted: true)
        try machine.machine.resume()
        // Twice the value and one.
        #expect(MainLoop.run() == 0x21)
      }
    }
  }
}
