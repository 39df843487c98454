import CommandLine
import Testing

/// Where QEMU 11.1 has a sentence for the same command line, the text up to the semicolon is its.
@Suite struct MessageTests {
  @Test(arguments: [
    Complaint(
      "-foo",
      is: """
        -foo: invalid option; see -help
        """),
    Complaint(
      "--devce", "x",
      is: """
        --devce: invalid option; did you mean '-device'?
        """),
    Complaint(
      "-",
      is: """
        -: invalid option; see -help
        """),
    Complaint(
      "--",
      is: """
        --: invalid option; see -help
        """),
    Complaint(
      "---device", "x",
      is: """
        ---device: invalid option; did you mean '-device'?
        """),
    Complaint(
      "-device=x",
      is: """
        -device=x: invalid option; did you mean '-device'?
        """),
    Complaint(
      "-drive", "b",
      is: """
        -drive: this option of QEMU is not supported by this version; see -help
        """),
    Complaint(
      "-kernel", "k", "-bios", "b",
      is: """
        -bios b: -bios is not supported together with -kernel; a kernel starts without firmware \
        here
        """),
    Complaint(
      "-m",
      is: """
        -m: requires an argument; write -m [size=]N[k|M|G|T]
        """),
    Complaint(
      "--device",
      is: """
        --device: requires an argument; write -device \
        vfio-pci,host=ADDRESS[,PROPERTY=VALUE...]
        """),
    Complaint(
      "disk.img",
      is: """
        disk.img: unexpected argument; options begin with '-' and disk images are not \
        supported
        """),
    Complaint(
      "-vfio-flw",
      is: """
        -vfio-flw: invalid option; did you mean '-vfio-flow'?
        """),
    Complaint(
      "-nographics",
      is: """
        -nographics: invalid option; did you mean '-nographic'?
        """),
  ])
  func optionsThatAreNotThereAreNamed(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }

  @Test(arguments: [
    Complaint(
      "-m", "abc",
      is: """
        -m abc: Parameter 'size' expects a non-negative number below 2^64; 'abc' is not one
        Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
        and exabytes, respectively.
        """),
    Complaint(
      "-m", "-5",
      is: """
        -m -5: Value '-5' is out of range for parameter 'size'
        """),
    Complaint(
      "-m", "99999999999999999999",
      is: """
        -m 99999999999999999999: Value '99999999999999999999' is out of range for \
        parameter 'size'
        """),
    Complaint(
      "-m", "16E",
      is: """
        -m 16E: Value '16E' is out of range for parameter 'size'
        """),
    Complaint(
      "-m", "foo=1",
      is: """
        -m foo=1: Invalid parameter 'foo'; use 'size'
        """),
    Complaint(
      "-m", "64,slots=2",
      is: """
        -m 64,slots=2: Parameter 'slots' is not supported by this version; use 'size'
        """),
    Complaint(
      "-m", "sise=1",
      is: """
        -m sise=1: Invalid parameter 'sise'; did you mean 'size'?
        """),
    Complaint(
      "-m", "18446744073709551615B",
      is: """
        -m 18446744073709551615B: Value '18446744073709551615B' is out of range for \
        parameter 'size'
        """),
    Complaint(
      "-M", "pc",
      is: """
        -M pc: unsupported machine type: "pc"; use 'q35'
        Use -machine help to list supported machines
        """),
    Complaint(
      "-M", "q53",
      is: """
        -M q53: unsupported machine type: "q53"; did you mean 'q35'?
        Use -machine help to list supported machines
        """),
    Complaint(
      "-M", "q35,foo=1",
      is: """
        -M q35,foo=1: Property 'q35-machine.foo' not found; see -machine q35,help
        """),
    Complaint(
      "-M", "q35,acel=kvm",
      is: """
        -M q35,acel=kvm: Property 'q35-machine.acel' not found; did you mean 'accel'?
        """),
    Complaint(
      "-M", "q35,kernel-irqchip=off",
      is: """
        -M q35,kernel-irqchip=off: Parameter 'kernel-irqchip' does not accept value 'off'; choose \
        from 'on', 'split'
        """),
    Complaint(
      "-M", "q35,accel=tcg",
      is: """
        -M q35,accel=tcg: invalid accelerator tcg; choose from 'kvm', 'qtest'
        """),
    Complaint(
      "-accel", "kvmm",
      is: """
        -accel kvmm: invalid accelerator kvmm; did you mean 'kvm'?
        """),
    Complaint(
      "-accel", "",
      is: """
        -accel : invalid accelerator ; choose from 'kvm', 'qtest'
        """),
    Complaint(
      "-accel", "kvm,foo=1",
      is: """
        -accel kvm,foo=1: Property 'kvm-accel.foo' not found; see -accel kvm,help
        """),
    Complaint(
      "-accel", "kvm,kernel-irqchip=no",
      is: """
        -accel kvm,kernel-irqchip=no: Parameter 'kernel-irqchip' does not accept value 'no'; did \
        you mean 'on'?
        """),
    Complaint(
      "-initrd", "i.gz", "-S",
      is: """
        -initrd i.gz: -initrd only allowed with -kernel option; add -kernel FILE
        """),
    Complaint(
      "-append", "quiet", "-S",
      is: """
        -append quiet: -append only allowed with -kernel option; add -kernel FILE
        """),
    Complaint(
      "-cpu", "hots",
      is: """
        -cpu hots: unable to find CPU model 'hots'; did you mean 'host'?
        """),
    Complaint(
      "-cpu", "host,avx=maybe",
      is: """
        -cpu host,avx=maybe: Parameter 'avx' expects 'on' or 'off'
        """),
    Complaint(
      "-smp", "17",
      is: """
        -smp 17: Invalid SMP CPUs 17. The max CPUs supported by machine 'q35' is 16; use -smp 16 \
        or less
        """),
    Complaint(
      "-smp", "4,sockets=3,cores=1,threads=1",
      is: """
        -smp 4,sockets=3,cores=1,threads=1: Invalid CPU topology: product of the hierarchy must \
        match maxcpus: sockets (3) * cores (1) * threads (1) != maxcpus (4); leave all but one of \
        the numbers out
        """),
    Complaint(
      "-smp", "2,maxcpus=4",
      is: """
        -smp 2,maxcpus=4: cpus (2) below maxcpus (4) is not supported by this version; use -smp 4
        """),
    Complaint(
      "-action", "panic=explode",
      is: """
        -action panic=explode: Parameter 'panic' does not accept value 'explode'; choose from \
        'pause', 'shutdown', 'none', 'exit-failure'
        """),
    Complaint(
      "-accel", "qtest,irqfd=maybe",
      is: """
        -accel qtest,irqfd=maybe: Parameter 'irqfd' does not accept value 'maybe'; choose \
        from 'on', 'off', 'auto'
        """),
    Complaint(
      "-accel", "qtest,irqdf=on",
      is: """
        -accel qtest,irqdf=on: Property 'qtest-accel.irqdf' not found; did you mean 'irqfd'?
        """),
    Complaint(
      "-accel", "qtest", "-M", "accel=kvm",
      is: """
        -accel qtest: The -accel and "-machine accel=" options are incompatible; leave \
        one of them out
        """),
  ])
  func machineMessagesNameTheValue(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }

  @Test(arguments: [
    Complaint(
      "-qmp", "unix:/a,server=maybe",
      is: """
        -qmp unix:/a,server=maybe: Parameter 'server' expects 'on' or 'off'; 'maybe' is \
        neither
        """),
    Complaint(
      "-qmp", "unix:/a,foo=1",
      is: """
        -qmp unix:/a,foo=1: Invalid parameter 'foo'; choose from 'backend', 'id', 'mux', 'path', \
        'append', 'host', 'port', 'server', 'wait', 'nodelay', 'signal'
        """),
    Complaint(
      "-qmp", "unix:/a,server,nowait,telnet",
      is: """
        -qmp unix:/a,server,nowait,telnet: Parameter 'telnet' is not supported by this \
        version; choose from 'backend', 'id', 'mux', 'path', 'append', 'host', 'port', \
        'server', 'wait', 'nodelay', 'signal'
        """),
    Complaint(
      "-qmp", "stdio", "-qtest", "stdio",
      is: """
        -qtest stdio: cannot use stdio by multiple character devices; give one of them a \
        unix: socket
        """),
  ])
  func streamMessagesSayWhatToWrite(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }

  @Test(arguments: [
    Complaint(
      "-trace", "foo=1",
      is: """
        -trace foo=1: Invalid parameter 'foo'; choose from 'enable', 'events', 'file'
        """),
    Complaint(
      "-trace", "event=x",
      is: """
        -trace event=x: Invalid parameter 'event'; did you mean 'events'?
        """),
    Complaint(
      "-d", "foo",
      is: """
        -d foo: unknown log item 'foo'; use trace:PATTERN
        Use -d help to list log items
        """),
    Complaint(
      "-d", "trace:",
      is: """
        -d trace:: unknown log item 'trace:'; use trace:PATTERN
        Use -d help to list log items
        """),
    Complaint(
      "-d", "guest_errors",
      is: """
        -d guest_errors: value 'guest_errors' is not supported by this version; use \
        'trace:PATTERN'
        """),
    Complaint(
      "-D", "a%d",
      is: """
        -D a%d: Bad logfile template: a%d; '%' is not supported by this version
        """),
    Complaint(
      "-msg", "foo=1",
      is: """
        -msg foo=1: Invalid parameter 'foo'; choose from 'timestamp', 'guest-name'
        """),
    Complaint(
      "-msg", "timestamp=maybe",
      is: """
        -msg timestamp=maybe: Parameter 'timestamp' expects 'on' or 'off'; 'maybe' is \
        neither
        """),
    Complaint(
      "-name", "a,process=b",
      is: """
        -name a,process=b: Parameter 'process' is not supported by this version; use 'guest'
        """),
    Complaint(
      "-name", "gest=x",
      is: """
        -name gest=x: Invalid parameter 'gest'; did you mean 'guest'?
        """),
    Complaint(
      "-simulate", "",
      is: """
        -simulate : Parameter 'file' is missing; write -simulate FILE
        """),
    Complaint(
      "-simulate", "f,sysf=x",
      is: """
        -simulate f,sysf=x: Invalid parameter 'sysf'; did you mean 'sysfs'?
        """),
    Complaint(
      "-vfio-flow", "qemu-11",
      is: """
        -vfio-flow qemu-11: value 'qemu-11' is not supported by this version; did you \
        mean 'qemu-11.1'?
        """),
    Complaint(
      "-vfio-flow", "x",
      is: """
        -vfio-flow x: value 'x' is not supported by this version; choose from \
        'qemu-11.1', 'iommufd-rfcv3'
        """),
    Complaint(
      "-display", "gtk",
      is: """
        -display gtk: value 'gtk' is not supported by this version; use 'none'
        """),
    Complaint(
      "-vga", "std",
      is: """
        -vga std: value 'std' is not supported by this version; use 'none'
        """),
    Complaint(
      "-serial", "stdio", "-qmp", "stdio",
      is: """
        -qmp stdio: cannot use stdio by multiple character devices; give one of them a unix: \
        socket
        """),
    Complaint(
      "-serial", "chardev:c",
      is: """
        -serial chardev:c: Chardev 'c' not found; add -chardev DRIVER,id=c before it
        """),
  ])
  func otherMessagesSayWhatToWrite(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }

  @Test func missingEventsFileIsNamedAsQEMUDoes() {
    #expect(
      complaint(["-trace", "events=/nope"]) == """
        swiftvmm:/nope: No such file or directory; named by -trace events=/nope

        """)
  }

  @Test func socketPathsFitASocketAddress() throws {
    let longest = String(repeating: "a", count: 107)
    #expect(
      try configuration("-qmp", "unix:\(longest),server,nowait").monitors.map(\.target)
        == [.unixServer(longest)])
    let text = try #require(complaint(["-qmp", "unix:\(longest)a,server,nowait"]))
    #expect(text.contains("UNIX socket path '\(longest)a' is too long\n"))
    #expect(text.hasSuffix("\nPath must be less than 108 bytes\n"))
  }

  @Test func programNameIsTheCallers() throws {
    let error = try #require(throws: CommandLineError.self) { try parse(["-foo"]) }
    #expect(error.message(program: "/usr/bin/vm") == "/usr/bin/vm: -foo: invalid option; see -help")
    #expect(error.option == "-foo")
    #expect(error.reason == .invalidOption(nearest: nil))
  }

  @Test func firstWrongOptionOfTheWholeLineIsReported() {
    #expect(complaint(["-m", "abc", "-foo"])?.hasPrefix("swiftvmm: -foo: invalid option") == true)
    #expect(
      complaint(["-device", "vfio-pci", "-m", "abc"])?.hasPrefix("swiftvmm: -m abc: ") == true)
    #expect(
      complaint(["-device", "vfio-pci", "-M", "pc"])?.hasPrefix("swiftvmm: -M pc: ") == true)
  }
}
