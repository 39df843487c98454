internal import Glibc
internal import Hypervisor
internal import Tracing

extension CommandLineError {
  /// The whole text for the user, hints included, each line ended.
  package func text(program: String) -> String {
    ([message(program: program)] + hints).map { $0 + "\n" }.joined()
  }

  /// The one line that says what is wrong: QEMU's words, then what to do.
  ///
  /// Control characters are written as `\xNN`, so that it stays one line whatever the user typed.
  package func message(program: String) -> String {
    printable(prefix(program: program)) + sentence
  }

  /// What is wrong and what to do, without who says it and the option at fault.
  package var sentence: String {
    let (words, advice) = sentences
    return printable(advice.map { "\(words); \($0)" } ?? words)
  }

  /// QEMU's lines after the message, and ours where a sentence is too long for it.
  package var hints: [String] {
    switch reason {
    case .refusedValue(_, _, .notSize):
      [
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-",
        "and exabytes, respectively.",
      ]
    case .refusedValue(_, _, .notIdentifier):
      ["Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."]
    case .unsupportedMachine: ["Use -machine help to list supported machines"]
    case .noHostDevice:
      [
        "Use -device vfio-pci,host=DDDD:BB:DD.F or -device vfio-pci,sysfsdev=PATH_TO_DEVICE"
      ]
    case .secondIOMMU: ["Leave all but one -device intel-iommu out."]
    case .socketPathTooLong: ["Path must be less than \(Self.socketPathLimit) bytes"]
    case .unknownLogItem: ["Use -d help to list log items"]
    default: []
    }
  }

  /// Bytes in the path of a socket address, the terminating zero included.
  static let socketPathLimit = 108

  private func prefix(program: String) -> String {
    if case .unreadableFile(let path, _) = reason { return "\(program):\(path): " }
    return option.map { "\(program): \($0): " } ?? "\(program): "
  }

  /// QEMU's sentence where it has one, and what to do about it.
  private var sentences: (words: String, advice: String?) {
    switch reason {
    case .invalidOption(let nearest):
      ("invalid option", nearest.map { "did you mean '-\($0)'?" } ?? "see -help")
    case .unsupportedOption: ("this option of QEMU is not supported by this version", "see -help")
    case .missingArgument(let synopsis): ("requires an argument", "write \(synopsis)")
    case .strayWord:
      ("unexpected argument", "options begin with '-' and disk images are not supported")
    case .unknownProperty(let property):
      (
        property.wording == .property
          ? "Property '\(property.owner).\(property.name)' not found"
          : "Invalid parameter '\(property.name)'",
        Self.propertyAdvice(property)
      )
    case .unsupportedProperty(let property):
      (
        property.wording == .property
          ? "Property '\(property.owner).\(property.name)' is not supported by this version"
          : "Parameter '\(property.name)' is not supported by this version",
        property.helpOption.map { "see \($0)" } ?? Self.list(property.known)
      )
    case .refusedValue(let property, let value, let refusal):
      Self.sentences(property, value, refusal)
    case .missingParameter(let name, let example):
      ("Parameter '\(name)' is missing", "write \(example)")
    case .unsupportedValue(let value, let supported):
      (
        "value '\(value)' is not supported by this version",
        Self.choice(of: supported, insteadOf: value)
      )
    case .jsonForm:
      ("the JSON form is not supported by this version", "write NAME,PROPERTY=VALUE,...")
    case .unsupportedMachine(let name):
      (
        "unsupported machine type: \"\(name)\"",
        Self.choice(of: MachineModel.allCases.map(\.rawValue), insteadOf: name)
      )
    case .invalidAccelerator(let name):
      (
        "invalid accelerator \(name)",
        Self.choice(of: Catalogue.accelerators.map(\.item.name), insteadOf: name)
      )
    case .acceleratorConflict:
      ("The -accel and \"-machine accel=\" options are incompatible", "leave one of them out")
    case .unknownDeviceModel(let name):
      (
        "'\(name)' is not a valid device model name",
        Self.choice(of: Catalogue.devices.map(\.item.name), insteadOf: name)
      )
    case .noHelpForDevice(let name):
      (
        "Device '\(name)' not found",
        Self.choice(of: Catalogue.devices.map(\.item.name), insteadOf: name)
      )
    case .duplicateID(let id, let owner):
      ("Duplicate ID '\(id)' for \(owner.rawValue)", "give each \(owner.rawValue) its own id")
    case .busNotFound(let name, let known):
      (
        "Bus '\(name)' not found",
        Self.choice(of: known, insteadOf: name)
      )
    case .linkNotFound(let id, let known):
      ("Device '\(id)' not found", Self.linkAdvice(id, known))
    case .secondIOMMU: ("QEMU does not support multiple vIOMMUs for x86 yet.", nil)
    case .noHostDevice: ("No provided host device", nil)
    case .characterBackend(let refusal): refusal.sentences
    case .socketPathTooLong(let path): ("UNIX socket path '\(path)' is too long", nil)
    case .characterDeviceNotFound(let id, let property, let known):
      (
        property.map { "Property '\($0)' can't find value '\(id)'" }
          ?? "Chardev '\(id)' not found",
        known.isEmpty
          ? "add -chardev DRIVER,id=\(id)\(property == nil ? " before it" : "")"
          : Self.choice(of: known, insteadOf: id)
      )
    case .noDebugConsole:
      (
        "Can't create debugcon device, empty char device",
        "add -chardev DRIVER,id=ID and write chardev=ID"
      )
    case .monitorDeviceNotFound(let id, let known):
      (
        "chardev \"\(id)\" not found",
        known.isEmpty ? "add -chardev DRIVER,id=\(id)" : Self.choice(of: known, insteadOf: id)
      )
    case .escapeKey:
      ("Bad argument to echr", "write the number of a character, such as 0x14 for Ctrl-t")
    case .tooManySerialPorts(let limit):
      ("Maximum number of supported serial ports is \(limit)", "leave the others out")
    case .standardIOTaken:
      ("cannot use stdio by multiple character devices", "give one of them a unix: socket")
    case .unknownLogItem(let name):
      ("unknown log item '\(name)'", "use trace:PATTERN")
    case .logFileTemplate(let template):
      ("Bad logfile template: \(template)", "'%' is not supported by this version")
    case .onlyWithKernel(let option):
      ("\(option) only allowed with -kernel option", "add -kernel FILE")
    case .firmwareWithKernel:
      ("-bios is not supported together with -kernel", "a kernel starts without firmware here")
    case .processorModel(let error): (error.message, nil)
    case .tooManyProcessors(let count, let limit):
      (
        "Invalid SMP CPUs \(count). The max CPUs supported by machine 'q35' is \(limit)",
        "use -smp \(limit) or less"
      )
    case .processorProduct(let sockets, let cores, let threads, let maximum):
      (
        """
        Invalid CPU topology: product of the hierarchy must match maxcpus: \
        sockets (\(sockets)) * cores (\(cores)) * threads (\(threads)) != maxcpus (\(maximum))
        """, "leave all but one of the numbers out"
      )
    case .processorPlugging(let count, let maximum):
      (
        "cpus (\(count)) below maxcpus (\(maximum)) is not supported by this version",
        "use -smp \(maximum)"
      )
    case .unreadableFile(_, let errorNumber):
      (Self.errorText(errorNumber), option.map { "named by \($0)" })
    }
  }

  private static func sentences(
    _ property: PropertyReference, _ value: String, _ refusal: ValueRefusal
  ) -> (words: String, advice: String?) {
    let name = property.name
    return switch refusal {
    case .notOnOff: ("Parameter '\(name)' expects 'on' or 'off'", "'\(value)' is neither")
    case .notOnOffAuto:
      (
        "Parameter '\(name)' expects 'on' or 'off'",
        choice(of: OnOffAuto.allCases.map(\.rawValue), insteadOf: value)
      )
    case .notIdentifier: ("Parameter '\(name)' expects an identifier", "'\(value)' is not one")
    case .notInteger: ("Parameter '\(name)' expects integer", "'\(value)' is not one")
    case .notIntegerOrAuto:
      (
        "Parameter '\(name)' expects integer",
        NearestName.find(value, in: ["auto"]).map { "did you mean '\($0)'?" }
          ?? "write a number or 'auto'"
      )
    case .notInRange(let type):
      ("Parameter '\(name)' expects \(type)", "\(value) is out of its range")
    case .notSize:
      (
        "Parameter '\(name)' expects a non-negative number below 2^64",
        "'\(value)' is not one"
      )
    case .sizeOutOfRange: ("Value '\(value)' is out of range for parameter '\(name)'", nil)
    case .notOneOf(let words):
      (
        "Parameter '\(name)' does not accept value '\(value)'",
        choice(of: words, insteadOf: value)
      )
    case .malformed(let expected):
      ("Property '\(property.owner).\(name)' doesn't take value '\(value)'", "write \(expected)")
    case .notDescriptor:
      ("Invalid file descriptor number '\(value)'", "write the number of an open descriptor")
    }
  }

  /// Names the word that was probably meant, or else every word there is.
  private static func choice(of words: [String], insteadOf value: String) -> String {
    NearestName.find(value, in: words).map { "did you mean '\($0)'?" } ?? list(words)
  }

  private static func list(_ words: [String]) -> String {
    let list = words.map { "'\($0)'" }.joined(separator: ", ")
    return words.count == 1 ? "use \(list)" : "choose from \(list)"
  }

  private static func propertyAdvice(_ property: PropertyReference) -> String {
    if let nearest = NearestName.find(property.name, in: property.known) {
      return "did you mean '\(nearest)'?"
    }
    return property.helpOption.map { "see \($0)" } ?? list(property.known)
  }

  private static func linkAdvice(_ id: String, _ known: [String]) -> String {
    if let nearest = NearestName.find(id, in: known) { return "did you mean '\(nearest)'?" }
    return known.isEmpty
      ? "add -object iommufd,id=\(id)"
      : "the iommufd objects are \(known.map { "'\($0)'" }.joined(separator: ", "))"
  }

  /// The C library's text for `errorNumber`.
  private static func errorText(_ errorNumber: Int32) -> String {
    // The C library returns a valid string for any number; it is copied before the next call.
    unsafe String(cString: strerror(errorNumber))
  }
}

extension CommandLineWarning {
  /// The whole text for the user, each line ended.
  package func text(program: String) -> String {
    switch self {
    case .shortFormBoolean(let option, let written, let replacement):
      printable("\(program): \(option): warning: short-form boolean option '\(written)' deprecated")
        + "\n" + printable("Please use \(replacement) instead") + "\n"
    }
  }
}

/// `text` with each control character written as `\xNN`.
func printable(_ text: String) -> String {
  guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if scalar.value < 0x20 || scalar.value == 0x7f {
      result += "\\x" + UInt8(truncatingIfNeeded: scalar.value).hexadecimal(width: 2)
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}
