internal import CLinux
internal import HostKernel
internal import SystemPackage

/// What the interrupt controllers and the timer in the kernel hold.
struct InterruptControllerState: Equatable {
  /// The 8259 pair and the I/O APIC, each as a `struct kvm_irqchip`.
  private var chips: [[UInt8]] = []
  /// The 8254, as a `struct kvm_pit_state2`.
  private var timer: [UInt8]

  private static let chipSize = 520
  private static let timerSize = 112

  /// Reads it from a machine.
  init(of accelerator: KVMAccelerator) throws(AcceleratorError) {
    timer = [UInt8](repeating: 0, count: Self.timerSize)
    for number in 0..<UInt32(3) {
      var chip = [UInt8](repeating: 0, count: Self.chipSize)
      StructureBytes.store(number, in: &chip, at: 0)
      try accelerator.perform(.saveInterruptController) { () throws(Errno) in
        try accelerator.vm.control(KVM_GET_IRQCHIP, on: &chip)
      }
      chips.append(chip)
    }
    try accelerator.perform(.saveInterruptController) { () throws(Errno) in
      try accelerator.vm.control(KVM_GET_PIT2, on: &timer)
    }
  }

  /// Sets it on a machine.
  func restore(on accelerator: KVMAccelerator) throws(AcceleratorError) {
    for saved in chips {
      var chip = saved
      try accelerator.perform(.restoreInterruptController) { () throws(Errno) in
        try accelerator.vm.control(KVM_SET_IRQCHIP, on: &chip)
      }
    }
    var timer = timer
    try accelerator.perform(.restoreInterruptController) { () throws(Errno) in
      try accelerator.vm.control(KVM_SET_PIT2, on: &timer)
    }
  }
}
