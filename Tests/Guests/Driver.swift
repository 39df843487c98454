/// What the payloads know of a kind of function: how to have it raise an interrupt.
struct Driver {
  enum Kind {
    /// The simulated host's, see `machines/README.md`.
    case testDevice
    /// QEMU's teaching device.
    case edu
    /// Intel 82574L.
    case e1000e
  }

  let function: PCIFunction
  let kind: Kind
  /// Where BAR 0 was found.
  let base: UInt32

  init?(_ function: PCIFunction) {
    switch function.identity {
    case 0x5654_1234, 0x5655_1234: kind = .testDevice
    case 0x11E8_1234: kind = .edu
    case 0x10D3_8086: kind = .e1000e
    default: return nil
    }
    self.function = function
    base = BaseAddress(function, 0)?.address ?? 0
  }

  /// The driver of the chosen function, with decoding and bus mastering on.
  static var chosen: Driver {
    let function = Bus.chosen
    function.describe()
    guard let driver = Driver(function) else { Report.stop("no driver for the named function") }
    typealias Command = PCIFunction.Command
    function.command(set: Command.io | Command.memory | Command.master, clear: Command.noINTx)
    return driver
  }

  /// Vectors that `raise` can choose with MSI-X.
  var vectorCount: UInt32 {
    switch kind {
    case .testDevice: load32(base + 8) & 0xFFFF
    case .edu: 0
    case .e1000e: 5
    }
  }

  /// Vectors that `raise` can choose with MSI.
  var messageCount: UInt32 {
    kind == .testDevice ? load32(base + 8) >> 16 & 0xFF : 1
  }

  /// Lets the function raise interrupts.
  func allow() {
    switch kind {
    case .testDevice: store32(base + 0x24, 7)
    case .edu: break
    case .e1000e:
      // Causes from before, such as a link that came up, would come along.
      store32(base + 0xC0, 0xFFFF_FFFF)
      store32(base + 0xE4, 0xC_BA98)
      store32(base + 0xDC, 0x1F << 20)
      store32(base + 0xD0, 0x1F << 20)
    }
  }

  /// Has the function raise an interrupt, by a message vector where it has several.
  func raise(_ vector: UInt32) {
    prepare()
    trigger(vector)
  }

  /// What has to be before `trigger`.
  func prepare() {
    guard kind == .e1000e else { return }
    // Messages of a vector keep 128 microseconds apart, and one that was sent masks its cause.
    Interrupts.settle()
    store32(base + 0xD0, 0x1F << 20)
  }

  /// The one write that raises.
  func trigger(_ vector: UInt32) {
    switch kind {
    case .testDevice: store32(base + 0x28, vector)
    case .edu: store32(base + 0x60, 1)
    case .e1000e: store32(base + 0xC8, 1 << (20 + vector))
    }
  }

  /// Makes the function let go of its pin, and says whether it had asserted it.
  @discardableResult func acknowledge() -> Bool {
    let cause: UInt32
    switch kind {
    case .testDevice:
      cause = load32(base + 0x20)
      store32(base + 0x20, cause)
    case .edu:
      cause = load32(base + 0x24)
      store32(base + 0x64, cause)
    case .e1000e: cause = load32(base + 0xC0)
    }
    return cause != 0
  }
}
