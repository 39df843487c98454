package import HostKernel
package import Hypervisor
internal import PCI
internal import SystemPackage

/// A q35-like board without CPUs: RAM, ports, the root bus with host and ISA bridge, interrupt
/// routing and the ways to ask for a reset.
///
/// Used only while the machine lock is held.
package final class Q35Board {
  private let ram: GuestRAM
  private let bridge: HostBridge
  private let isaBridge: ISABridge
  private let configPorts: ConfigPorts
  private let resetPort: ResetControlPort

  package let accelerator: any Accelerator
  /// Guest-physical memory; the accelerator follows it.
  package let memory = AddressSpace()
  package let ports = PortSpace()
  /// Bus 0. Slots 0 and 31 are taken.
  package let rootBus: PCIBus
  package let interrupts: InterruptRouter
  /// The inputs of the interrupt controller.
  let lines: InterruptLines
  package let ramLayout: RAMLayout
  /// The memory of `-bios`.
  var firmware: HostMapping?
  /// What follows a reset of the board.
  private var resetters: [() -> Void] = []
  /// Sends a message-signalled interrupt of the board's own functions: address and data.
  package var signalMessage: (UInt64, UInt32) -> Void = { _, _ in }

  /// Builds the board around `ramSize` bytes of memory, a multiple of the page size.
  ///
  /// `requestReset` is called when the guest asks for a reset, from inside its access: it must only
  /// note the wish. Whether the accelerator could follow the RAM is asked of it afterwards.
  package init(
    ramSize: UInt64, ramOptions: GuestRAMOptions = GuestRAMOptions(),
    accelerator: any Accelerator, on kernel: any HostKernel,
    requestReset: @escaping () -> Void
  ) throws(BoardError) {
    do throws(GuestRAMError) {
      ram = try GuestRAM(size: ramSize, ramOptions, on: kernel)
    } catch {
      throw .allocateMemory(size: ramSize, error)
    }
    self.accelerator = accelerator
    lines = InterruptLines(accelerator)
    ramLayout = RAMLayout(size: ramSize)
    // RAM and the chipset's windows lie over what a guest puts at their addresses, as in QEMU.
    rootBus = PCIBus(
      memory: memory.add(
        MemoryRegion(
          name: "pci", base: 0, size: .max, priority: -1, kind: .bus(windows: [0 ... .max]))))
    bridge = HostBridge(
      memory: memory, bus: rootBus, ram: ram.address, ramSize: ramLayout.below4G)
    isaBridge = ISABridge(memory: memory)
    interrupts = InterruptRouter(bridge: isaBridge, lines: lines)
    configPorts = ConfigPorts(rootBus)
    resetPort = ResetControlPort(requestReset: requestReset)
    placeMemory()
    placePorts()
    occupy(bridge, "mch", slot: 0, isMultifunction: false)
    occupy(isaBridge, "ICH9-LPC", slot: 31, isMultifunction: true)
    memory.register(accelerator)
  }

  // Other listeners hear nothing, as in QEMU, whose log ends without removals.
  deinit {
    memory.unregister(accelerator)
    memory.tearDown()
    ports.space.tearDown()
  }

  /// Resets the functions on the root bus, those of the board last, and then the rest of the board.
  package func reset() {
    rootBus.reset()
    configPorts.reset()
    resetPort.reset()
    interrupts.reset()
    for reset in resetters { reset() }
  }

  /// Has a device of the board reset with it, in the order of these calls.
  func onReset(_ reset: @escaping () -> Void) { resetters.append(reset) }

  /// Puts a device's registers at guest addresses over what PCI functions have there. `reset` is called
  /// with the board's own devices, in the order of these calls.
  package func addWindow(
    _ name: String, at base: UInt64, size: UInt64, _ device: any MemoryHandler,
    reset: @escaping () -> Void
  ) {
    memory.add(
      MemoryRegion(name: name, base: base, size: size, priority: 1, kind: .io(device)))
    onReset(reset)
  }

  /// Programs what firmware programs before a kernel that is loaded without firmware starts. Called after
  /// a reset.
  package func applyFirmwareSettings() {
    bridge.applyFirmwareSettings()
    isaBridge.applyFirmwareSettings()
  }

  /// Tells `observer` now and from now on where the chipset has its power management ports; there is one
  /// observer.
  package func onPowerManagement(_ observer: @escaping (PowerManagementPorts) -> Void) {
    isaBridge.onPowerManagement = observer
    observer(isaBridge.powerManagement)
  }

  /// What firmware tables say of the PCI host; `addressBits` is the width of the CPUs' physical addresses.
  package func pciFacts(addressBits: Int) -> PCIHostFacts {
    PCIHostFacts(
      ramLayout, addressBits: addressBits,
      rootPorts: rootPorts.filter { rootBus.function(at: $0.place) === $0 }.map {
        PCIHostFacts.Port(
          slot: $0.place.slot, function: $0.place.function, id: $0.options.id,
          isHotPluggable: $0.options.isHotPluggable)
      })
  }

  private func occupy(
    _ function: any PCIFunction, _ type: String, slot: Int, isMultifunction: Bool
  ) {
    guard
      let place = try? rootBus.reserve(
        PCISlot(slot: slot), for: type, isMultifunction: isMultifunction)
    else { return }
    rootBus.attach(function, at: place)
  }

  /// RAM, and the chipset's own windows. There is no VGA, so RAM has no hole below 1 MiB, as QEMU's
  /// without one.
  private func placeMemory() {
    memory.update {
      memory.add(
        MemoryRegion(
          name: "ram-below-4g", base: 0, size: ramLayout.below4G,
          kind: ram.kind(at: 0)))
      memory.add(
        MemoryRegion(
          name: "ram-above-4g", base: RAMLayout.above4GStart, size: ramLayout.above4G,
          kind: ram.kind(at: ramLayout.below4G)))
      let windows: [(name: String, base: UInt64, size: UInt64)] = [
        ("ioapic", 0xfec0_0000, 0x1000), ("apic-msi", 0xfee0_0000, 0x10_0000),
      ]
      for window in windows {
        memory.add(
          MemoryRegion(
            name: window.name, base: window.base, size: window.size, priority: 1,
            kind: .io(OpenBus())))
      }
    }
  }

  private func placePorts() {
    ports.add("pci-conf-idx", 0xcf8...0xcfb, configPorts.addressPorts)
    ports.add("lpc-reset-control", 0xcf9...0xcf9, priority: 1, resetPort)
    ports.add("pci-conf-data", 0xcfc...0xcff, configPorts.dataPorts)
  }
}
