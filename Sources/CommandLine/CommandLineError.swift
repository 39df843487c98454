package import Hypervisor

/// Why a command line cannot be used; the process ends with status 1.
package struct CommandLineError: Error, Sendable, Equatable {
  /// The option at fault as written, its value included; `nil` for none in particular.
  package let option: String?

  /// What is wrong with it.
  package let reason: Reason

  /// What is wrong with a command line, as facts.
  package enum Reason: Sendable, Equatable {
    /// No option has this name.
    case invalidOption(nearest: String?)

    /// QEMU has this option, swiftvmm does not.
    case unsupportedOption

    /// The option ends the command line but takes a value, described by `synopsis`.
    case missingArgument(synopsis: String)

    /// A word that belongs to no option.
    case strayWord

    /// No property has this name.
    case unknownProperty(PropertyReference)

    /// QEMU has this property, swiftvmm does not.
    case unsupportedProperty(PropertyReference)

    /// A property does not take the value.
    case refusedValue(PropertyReference, String, ValueRefusal)

    /// A parameter that cannot be left out; `example` shows it.
    case missingParameter(String, example: String)

    /// An option's value that QEMU may have and swiftvmm does not.
    case unsupportedValue(String, supported: [String])

    /// The option's value is in JSON.
    case jsonForm

    /// `-machine` names no model swiftvmm has.
    case unsupportedMachine(String)

    /// `-accel` or `-machine accel=` names no accelerator swiftvmm has.
    case invalidAccelerator(String)

    /// Accelerators were chosen in two ways.
    case acceleratorConflict

    /// `-device` names no model swiftvmm has.
    case unknownDeviceModel(String)

    /// `-device MODEL,help` for a model swiftvmm does not have.
    case noHelpForDevice(String)

    /// An id was given twice.
    case duplicateID(String, owner: IDOwner)

    /// `bus=` names no bus; `known` are those there are.
    case busNotFound(String, known: [String])

    /// `iommufd=` names no iommufd object; `known` are the ids there are.
    case linkNotFound(String, known: [String])

    /// A machine has one vIOMMU.
    case secondIOMMU

    /// `-device vfio-pci` names no host function.
    case noHostDevice

    /// A character device that cannot be had.
    case characterBackend(CharacterBackendRefusal)

    /// A path over the length of a socket address.
    case socketPathTooLong(String)

    /// `chardev:` or a device's property, such as `isa-debugcon.chardev`, names no character device;
    /// `known` are the ids there are.
    case characterDeviceNotFound(String, property: String?, known: [String])

    /// `-device isa-debugcon` has no character device.
    case noDebugConsole

    /// The same for a monitor or a test.
    case monitorDeviceNotFound(String, known: [String])

    /// `-echr` is no character's number.
    case escapeKey

    /// There is no room for another serial port.
    case tooManySerialPorts(limit: Int)

    /// A second option wants standard input and output.
    case standardIOTaken

    /// `-d` names no log item.
    case unknownLogItem(String)

    /// `-D` with a `%`, which QEMU replaces by the process number.
    case logFileTemplate(String)

    /// `option` makes sense with `-kernel` only.
    case onlyWithKernel(String)

    /// `-bios` beside `-kernel`.
    case firmwareWithKernel

    /// `-cpu` names a model or a feature that there is not.
    case processorModel(CPUModelError)

    /// `-smp` asks for more CPUs than there can be.
    case tooManyProcessors(Int, limit: Int)

    /// The numbers of `-smp` do not multiply to `maxcpus`.
    case processorProduct(sockets: Int, cores: Int, threads: Int, maximum: Int)

    /// `-smp` leaves CPUs to be plugged later.
    case processorPlugging(count: Int, maximum: Int)

    /// A file named on the command line cannot be read.
    case unreadableFile(path: String, errorNumber: Int32)
  }

  /// What has an id.
  package enum IDOwner: String, Sendable {
    case device, object, chardev, mon
  }
}

/// Why a file could not be read.
package struct UnreadableFile: Error, Sendable, Equatable {
  /// `errno` of the call that failed.
  package let errorNumber: Int32

  package init(errorNumber: Int32) { self.errorNumber = errorNumber }
}

/// Something the user should know about a command line that is good.
package enum CommandLineWarning: Sendable, Equatable {
  /// A boolean without a value, `written` in `option`; `replacement` is the long form.
  case shortFormBoolean(option: String, written: String, replacement: String)
}
