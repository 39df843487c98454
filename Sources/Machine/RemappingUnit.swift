internal import Board
internal import Hypervisor
internal import PCI
internal import VirtualIOMMU

/// The vIOMMU's registers in the guest's memory: guest accesses go to the register file, and what they
/// lead to comes true here. Used only while the machine lock is held.
final class RemappingUnit: MemoryHandler {
  private var registers: VTdRegisterFile
  private unowned let board: Q35Board
  private let onTranslationRequest: (VTdTranslation) -> Void
  /// Whether an access is being answered. What a guest has the unit write to the unit itself is lost.
  private var isBusy = false

  /// Puts the unit at its address. `onTranslationRequest` is called from inside the guest's access when
  /// it switches something on that the unit does not do: it must only note that.
  init(
    _ capabilities: VTdRegisters, on board: Q35Board,
    onTranslationRequest: @escaping (VTdTranslation) -> Void
  ) {
    registers = VTdRegisterFile(capabilities)
    self.board = board
    self.onTranslationRequest = onTranslationRequest
    board.addWindow(
      "intel_iommu", at: VTdRegisters.baseAddress, size: VTdRegisters.size, self
    ) { [unowned self] in registers.reset() }
  }

  /// What a guest finds; it is replaced, with a reset, while no guest has looked yet.
  var capabilities: VTdRegisters {
    get { registers.capabilities }
    set { if newValue != registers.capabilities { registers.capabilities = newValue } }
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    isBusy ? 0 : registers.read(offset: offset, size: size)
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    guard !isBusy else { return }
    isBusy = true
    defer { isBusy = false }
    perform(registers.write(offset: offset, size: size, value: value))
    while let address = registers.nextDescriptor {
      perform(registers.run(descriptor(at: address)))
    }
  }

  /// The first 16 bytes of a descriptor, or nil where there can be none.
  private func descriptor(at address: UInt64) -> (low: UInt64, high: UInt64)? {
    guard address <= .max - 15 else { return nil }
    return (board.memory.read(address, size: 8), board.memory.read(address + 8, size: 8))
  }

  private func perform(_ effects: [VTdEffect]) {
    for effect in effects {
      switch effect {
      case .translationRequested(let what): onTranslationRequest(what)
      case .store(let address, let value):
        board.memory.write(address, size: 4, value: UInt64(value))
      case .message(let address, let data): board.signalMessage(address, data)
      }
    }
  }
}

extension DMARTable {
  /// The table for what is on the board's root bus now.
  init(_ values: VIOMMUValues, on board: Q35Board) {
    self.init(
      values,
      scopes: board.rootBus.attached.map { place, function in
        Scope(
          function is any PCIBridge ? .bridge : .endpoint, PCIAddress(bus: 0, devfn: place.devfn))
      })
  }
}
