/// The command that boots the lab machine: name spaces, mounts, and QEMU in the lab's root.
///
/// Paths given to QEMU are those of the lab's root, where `machines/lab/boot` mounts what it needs.
package struct BootCommand: Equatable, Sendable {
  /// A file or folder of the host that the machine sees, read-only, as `/lab/input/NAME`.
  package struct Input: Equatable, Sendable {
    package var path: String
    package var name: String

    package init(path: String, name: String) {
      self.path = path
      self.name = name
    }
  }

  package var machine: MachineDescription
  /// `machines/lab` of the checkout; the machine sees it as `/lab/input/lab`.
  package var labFolder: String
  /// The folder that the root recipe made.
  package var root: String
  /// The folder that the kernel recipe made; the machine sees it as `/lab/input/kernel`.
  package var kernel: String
  /// The host's folder that the machine writes to, `/lab/output` inside.
  package var output: String
  package var inputs: [Input] = []
  /// The host's program that serves the machine's `serve` lines.
  package var server = "swiftvmm-serve"
  /// The frequency of the host's time stamp counter in kHz, nil when it is not known.
  package var timestampKilohertz: UInt64?
  /// True to put the machine's console on the terminal instead of `console.log`.
  package var isInteractive = false

  package init(
    machine: MachineDescription, labFolder: String, root: String, kernel: String, output: String
  ) {
    self.machine = machine
    self.labFolder = labFolder
    self.root = root
    self.kernel = kernel
    self.output = output
  }

  /// The whole command, looked up on the PATH.
  ///
  /// The mount and process name spaces end with the last process in them, and every process in them
  /// is killed when `swiftvmm-lab` ends, however it ends: nothing stays mounted and no QEMU is left.
  package var arguments: [String] {
    var arguments = [
      "setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation", "private",
      "--pid", "--fork", "--kill-child", "--", "\(labFolder)/boot", root, kernel, output,
    ]
    let all = [Input(path: labFolder, name: "lab"), Input(path: kernel, name: "kernel")] + inputs
    arguments += all.map { "\($0.path)=\($0.name)" }
    let hosts = labFolder.prefix(upTo: labFolder.lastIndex(of: "/") ?? labFolder.startIndex)
    for function in machine.served {
      arguments += ["--", server, "\(hosts)/\(function.file)", function.address, function.name]
    }
    return arguments + ["--", "--"] + qemuArguments
  }

  /// QEMU's arguments. The machine's own lines come first, so that their devices get the same
  /// addresses on the main bus whatever the lab adds.
  package var qemuArguments: [String] {
    var arguments = ["-nodefaults", "-no-user-config", "-accel", "tcg,thread=multi"]
    for option in machine.options {
      arguments.append("-\(option.name)")
      if let value = option.value { arguments.append(value) }
    }
    // Emulated timers miss the kernel's test of its timer interrupt when the host is busy: it panics.
    let own = ["console=ttyS0", "panic=-1", "quiet", "no_timer_check"]
    let words = own + clockWords + machine.kernelWords
    arguments += [
      "-display", "none", "-no-reboot",
      "-kernel", "/lab/kernel/bzImage", "-initrd", "/lab/initramfs.gz",
      "-append", words.joined(separator: " "),
    ]
    arguments += Self.share("root", "security_model=none,readonly=on")
    arguments += Self.share("input", "security_model=none,readonly=on")
    arguments += Self.share("output", "security_model=passthrough")
    guard !isInteractive else { return arguments + ["-serial", "mon:stdio"] }
    return arguments + [
      "-serial", "file:/lab/output/console.log",
      "-add-fd", "fd=3,set=1", "-chardev", "file,id=output,path=/dev/fdset/1,append=on",
      "-device", "virtio-serial-pci,bus=pcie.0", "-device",
      "virtserialport,chardev=output,name=output",
    ]
  }

  /// What keeps clocks right on a busy host, the machine's and those of its test guests.
  ///
  /// The emulated TSC is the host's own and steady, but the kernel measures its frequency, and watches
  /// it, by emulated timers that are late when the host is busy. So it is told the frequency, and
  /// `tsc=reliable` stops the watching. The kernel still refines the figure after KVM has started; when
  /// it moves by more than KVM's tolerance (250 ppm), KVM, without TSC scaling, takes each guest's TSC
  /// for standing at zero ("user requested TSC rate below hardware speed"), and a guest's timers
  /// fire too late by the machine's whole uptime.
  private var clockWords: [String] {
    guard let timestampKilohertz else { return ["kvm.tsc_tolerance_ppm=500000"] }
    return [
      "tsc=reliable", "tsc_early_khz=\(timestampKilohertz)", "kvm.tsc_tolerance_ppm=500000",
    ]
  }

  /// A 9p share of `/lab/NAME` with NAME as its tag.
  private static func share(_ name: String, _ options: String) -> [String] {
    [
      "-fsdev", "local,id=\(name),path=/lab/\(name),\(options),multidevs=remap",
      "-device", "virtio-9p-pci,bus=pcie.0,fsdev=\(name),mount_tag=\(name)",
    ]
  }
}
