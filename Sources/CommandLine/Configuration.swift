package import Hypervisor

/// Everything a command line asks for, validated: values only, nothing opened or created.
///
/// Devices and objects keep the order in which they were written; links between them are resolved, so
/// an `iommufd` property always names an object in `iommufds`.
package struct Configuration: Sendable, Equatable {
  /// The guest's name, `-name`.
  package var name: String?

  /// The machine model, `-machine`.
  package var machine: MachineModel = .q35

  /// The accelerators to try, in order; never empty. The first that works is used.
  package var accelerators: [Accelerator] = [.kvm()]

  /// Guest memory in bytes, a multiple of 8192; 128 MiB unless written.
  package var memorySize: UInt64 = Self.defaultMemorySize

  /// The file that backs guest memory, or the directory to make one in, `-mem-path`; `nil` is
  /// anonymous memory.
  package var memoryPath: String?

  /// `-mem-prealloc`: guest memory is taken from the host before the guest starts.
  package var preallocatesMemory = false

  /// Guest CPUs, `-smp`.
  package var processors = CPUTopology(count: 1)

  /// The model of guest CPU, `-cpu`.
  package var processorModel = CPUModel()

  /// `kernel-irqchip`: where the guest's interrupt controllers are.
  package var interruptController: InterruptControllerPlace = .kernel

  /// `-kernel`, `-initrd` and `-append`; `nil` starts no kernel.
  package var kernel: KernelConfiguration?

  /// `-bios`: the image that the first CPU starts in; never with a kernel.
  package var firmware: String?

  /// `-action`, `-no-reboot` and `-no-shutdown`.
  package var actions = RunActions()

  /// `-S`: no guest instruction runs before a monitor says so.
  package var startsPaused = false

  /// `-object iommufd`, in command-line order, with ids that are all different.
  package var iommufds: [IOMMUFDObject] = []

  /// `-device`, in command-line order, with ids that are all different.
  package var devices: [DeviceConfiguration] = []

  /// `-chardev`, in command-line order, with ids that are all different.
  package var characterDevices: [CharacterDeviceDefinition] = []

  /// `-serial`, COM1 first; what `chardev:` names is in `characterDevices`.
  package var serialPorts: [SerialPortOption] = []

  /// `-monitor`, `-qmp`, `-mon` and what comes with a `mon:` serial port, in command-line order.
  package var monitors: [MonitorConfiguration] = []

  /// The key by which shared character devices switch and command, `-echr`; Ctrl-a unless written.
  package var escapeKey: UInt8 = 0x01

  /// `-qtest`; the last one written.
  package var qtest: TestStream?

  /// `-trace`, `-d` and `-D`.
  package var trace = TraceConfiguration()

  /// `-msg`.
  package var messages = MessageConfiguration()

  /// The file that gets the process number, `-pidfile`.
  package var pidFile: String?

  /// `-simulate`: the host is the one described there; `nil` is this one.
  package var simulation: Simulation?

  /// `-vfio-flow`: whose order of steps and trace dialect to follow.
  package var flow: VFIOFlow = .qemu11

  /// What to tell the user although the command line is good.
  package var warnings: [CommandLineWarning] = []

  /// A machine with everything at its default.
  package init() {}

  /// The vIOMMU among the devices; there is one at most.
  package var intelIOMMU: IntelIOMMUDevice? {
    devices.lazy.compactMap { if case .intelIOMMU(let device) = $0 { device } else { nil } }.first
  }

  /// QEMU's memory size when `-m` is left out.
  package static let defaultMemorySize: UInt64 = 128 << 20
}

/// A machine model by its `-machine` name.
package enum MachineModel: String, Sendable, CaseIterable {
  case q35

  /// One line for `-machine help`.
  var summary: String {
    switch self {
    case .q35: "Standard PC (Q35 + ICH9, 2009)"
    }
  }
}

/// What runs the guest, or stands in for it.
package enum Accelerator: Sendable, Equatable {
  /// Linux KVM; where its interrupt controllers are, `nil` as the machine says.
  case kvm(interruptController: InterruptControllerPlace? = nil)

  /// No guest CPU: a test drives the machine; `irqfd` says whether interrupts take KVM's direct path.
  case qtest(irqfd: OnOffAuto)
}

/// `-kernel` and what goes with it.
package struct KernelConfiguration: Sendable, Equatable {
  /// The kernel's file.
  package var path: String
  /// `-initrd`: the initial RAM disk, or a multiboot kernel's modules after commas.
  package var initrd: String?
  /// `-append`: the kernel's command line.
  package var commandLine = ""

  package init(path: String) { self.path = path }
}

/// QEMU's three-valued switch.
package enum OnOffAuto: String, Sendable, CaseIterable {
  case on, off, auto
}

/// Whose passthrough steps and trace dialect to follow, by the `-vfio-flow` name.
package enum VFIOFlow: String, Sendable, CaseIterable {
  /// QEMU 11.1.
  case qemu11 = "qemu-11.1"

  /// The iommufd series posted to the kernel's VFIO list in 2023, third version.
  case iommufdRFCv3 = "iommufd-rfcv3"
}

/// One `-object iommufd`.
package struct IOMMUFDObject: Sendable, Equatable {
  /// The option as written, `-object iommufd,id=iommufd0`.
  package let optionText: String

  /// The id devices link to.
  package let id: String

  /// A descriptor of `/dev/iommu` that is already open and stays open; `nil` opens one when needed.
  package let descriptor: Int32?

  package init(optionText: String, id: String, descriptor: Int32? = nil) {
    self.optionText = optionText
    self.id = id
    self.descriptor = descriptor
  }
}

/// One `-monitor`, `-qmp` or `-mon`.
package struct MonitorConfiguration: Sendable, Equatable {
  /// What a monitor speaks, by the `mode` of `-mon`.
  package enum Mode: String, Sendable, CaseIterable {
    /// For people.
    case readline

    /// QMP.
    case control
  }

  /// The option as written, `-qmp unix:PATH,server=on,wait=off`.
  package let optionText: String

  package let mode: Mode

  /// What it is connected to; never `none`.
  package let target: CharacterTarget

  package init(optionText: String, mode: Mode, target: CharacterTarget) {
    self.optionText = optionText
    self.mode = mode
    self.target = target
  }
}

/// `-qtest`.
package struct TestStream: Sendable, Equatable {
  /// The option as written.
  package let optionText: String

  /// What it is connected to; never `none`.
  package let target: CharacterTarget

  package init(optionText: String, target: CharacterTarget) {
    self.optionText = optionText
    self.target = target
  }
}

/// One `-serial`.
package struct SerialPortOption: Sendable, Equatable {
  /// The option as written.
  package let optionText: String

  /// What the port is connected to.
  package let target: CharacterTarget

  package init(optionText: String, target: CharacterTarget) {
    self.optionText = optionText
    self.target = target
  }

  /// How many serial ports an ISA bus has room for.
  package static let limit = 4

  /// What the character device of a port is called that has one of its own.
  package static func label(_ number: Int) -> String { "serial\(number)" }
}

/// `-trace`, `-d` and `-D`.
package struct TraceConfiguration: Sendable, Equatable {
  /// Which events to turn on and off, in the order in which that takes effect.
  package var actions: [TraceAction] = []

  /// `-trace file=`.
  package var traceFile: String?

  /// `-D`.
  package var logFile: String?

  /// No event is turned on, and lines go to standard error.
  package init() {}

  /// Where trace lines go; `nil` is standard error. A trace file wins over a log file, which is then
  /// created empty.
  package var destination: String? { traceFile ?? logFile }
}

/// `-msg`.
package struct MessageConfiguration: Sendable, Equatable {
  /// Trace lines and messages begin with the time.
  package var timestamp = false

  /// With `timestamp`, messages also name the guest.
  package var guestName = false

  /// Neither is on.
  package init() {}
}

/// `-simulate`.
package struct Simulation: Sendable, Equatable {
  /// The file that describes the simulated host.
  package let file: String

  /// The directory its sysfs tree is written to, for tools that read one; `nil` writes none.
  package let sysfsDirectory: String?

  package init(file: String, sysfsDirectory: String? = nil) {
    self.file = file
    self.sysfsDirectory = sysfsDirectory
  }
}
