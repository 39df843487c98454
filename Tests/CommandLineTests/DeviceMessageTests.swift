import CommandLine
import Testing

/// Where QEMU 11.1 has a sentence for the same command line, the text up to the semicolon is its.
@Suite struct DeviceMessageTests {
  @Test(arguments: [
    Complaint(
      "-device", "vfio-pci",
      is: """
        -device vfio-pci: No provided host device
        Use -device vfio-pci,host=DDDD:BB:DD.F or -device vfio-pci,sysfsdev=PATH_TO_DEVICE
        """),
    Complaint(
      "-device", "vfio-pci,foo=1",
      is: """
        -device vfio-pci,foo=1: Property 'vfio-pci.foo' not found; see -device vfio-pci,help
        """),
    Complaint(
      "-device", "vfio-pci,hots=1:2.3",
      is: """
        -device vfio-pci,hots=1:2.3: Property 'vfio-pci.hots' not found; did you mean \
        'host'?
        """),
    Complaint(
      "-device", "vfio-pci,host=zz",
      is: """
        -device vfio-pci,host=zz: Property 'vfio-pci.host' doesn't take value 'zz'; write \
        [DOMAIN:]BUS:SLOT.FUNCTION in hexadecimal, for example 0000:81:00.0
        """),
    Complaint(
      "-device", "nosuch",
      is: """
        -device nosuch: 'nosuch' is not a valid device model name; choose from 'pcie-root-port', \
        'intel-iommu', 'isa-debug-exit', 'isa-debugcon', 'pvpanic', 'vfio-pci'
        """),
    Complaint(
      "-device", "vfio_pci",
      is: """
        -device vfio_pci: 'vfio_pci' is not a valid device model name; did you mean \
        'vfio-pci'?
        """),
    Complaint(
      "-device", "nosuch,help",
      is: """
        -device nosuch,help: Device 'nosuch' not found; choose from 'pcie-root-port', \
        'intel-iommu', 'isa-debug-exit', 'isa-debugcon', 'pvpanic', 'vfio-pci'
        """),
    Complaint(
      "-device", "vfio-pci,x-no-mmap=maybe",
      is: """
        -device vfio-pci,x-no-mmap=maybe: Parameter 'x-no-mmap' expects 'on' or 'off'; \
        'maybe' is neither
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,iommufd=nope",
      is: """
        -device vfio-pci,host=1:2.3,iommufd=nope: Device 'nope' not found; add -object \
        iommufd,id=nope
        """),
    Complaint(
      "-object", "iommufd,id=iommufd0", "-device", "vfio-pci,host=1:2.3,iommufd=iommfd0",
      is: """
        -device vfio-pci,host=1:2.3,iommufd=iommfd0: Device 'iommfd0' not found; did you \
        mean 'iommufd0'?
        """),
    Complaint(
      "-object", "iommufd,id=iommufd0", "-device", "vfio-pci,host=1:2.3,iommufd=zz",
      is: """
        -device vfio-pci,host=1:2.3,iommufd=zz: Device 'zz' not found; the iommufd \
        objects are 'iommufd0'
        """),
    Complaint(
      "-device", "vfio-pci,addr=20",
      is: """
        -device vfio-pci,addr=20: Property 'vfio-pci.addr' doesn't take value '20'; write \
        SLOT[.FUNCTION] in hexadecimal, slot up to 1f and function up to 7
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,bus=nope",
      is: """
        -device vfio-pci,host=1:2.3,bus=nope: Bus 'nope' not found; use 'pcie.0'
        """),
    Complaint(
      "-device", "vfio-pci,rombar=x",
      is: """
        -device vfio-pci,rombar=x: Parameter 'rombar' expects integer; 'x' is not one
        """),
    Complaint(
      "-device", "vfio-pci,rombar=2147483648",
      is: """
        -device vfio-pci,rombar=2147483648: Parameter 'rombar' expects int32_t; \
        2147483648 is out of its range
        """),
    Complaint(
      "-device", "vfio-pci,x-intx-mmap-timeout-ms=-1",
      is: """
        -device vfio-pci,x-intx-mmap-timeout-ms=-1: Parameter 'x-intx-mmap-timeout-ms' \
        expects uint32_t; -1 is out of its range
        """),
    Complaint(
      "-device", "vfio-pci,id=1a",
      is: """
        -device vfio-pci,id=1a: Parameter 'id' expects an identifier; '1a' is not one
        Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,id=a", "-device", "vfio-pci,host=1:2.4,id=a",
      is: """
        -device vfio-pci,host=1:2.4,id=a: Duplicate ID 'a' for device; give each device \
        its own id
        """),
    Complaint(
      "-device", "",
      is: """
        -device : Parameter 'driver' is missing; write -device vfio-pci,host=DDDD:BB:DD.F
        """),
    Complaint(
      "-device", ",host=1",
      is: """
        -device ,host=1: '' is not a valid device model name; choose from 'pcie-root-port', \
        'intel-iommu', 'isa-debug-exit', 'isa-debugcon', 'pvpanic', 'vfio-pci'
        """),
    Complaint(
      "-device", "isa-debugcon,iobase=0x402",
      is: """
        -device isa-debugcon,iobase=0x402: Can't create debugcon device, empty char device; add \
        -chardev DRIVER,id=ID and write chardev=ID
        """),
    Complaint(
      "-device", "isa-debugcon,chardev=log",
      is: """
        -device isa-debugcon,chardev=log: Property 'isa-debugcon.chardev' can't find value 'log'; \
        add -chardev DRIVER,id=log
        """),
    Complaint(
      "-chardev", "null,id=logs", "-device", "isa-debugcon,chardev=log",
      is: """
        -device isa-debugcon,chardev=log: Property 'isa-debugcon.chardev' can't find value 'log'; \
        did you mean 'logs'?
        """),
    Complaint(
      "-device", "isa-debugcon,iobase=0x10000",
      is: """
        -device isa-debugcon,iobase=0x10000: Parameter 'iobase' expects uint32_t; 0x10000 is out \
        of its range
        """),
    Complaint(
      "-device", "vfio-pci,=1",
      is: """
        -device vfio-pci,=1: Property 'vfio-pci.' not found; see -device vfio-pci,help
        """),
    Complaint(
      "-device", "vfio-pci,vf-token=1",
      is: """
        -device vfio-pci,vf-token=1: Property 'vfio-pci.vf-token' is not supported by \
        this version; see -device vfio-pci,help
        """),
    Complaint(
      "-device", "vfio-pci,nox-vga",
      is: """
        -device vfio-pci,nox-vga: Property 'vfio-pci.nox-vga' is not supported by this \
        version; see -device vfio-pci,help
        """),
    Complaint(
      "-device", "pcie-root-port,id=rp1", "-device", "vfio-pci,host=1:2.3,bus=rp2",
      is: """
        -device vfio-pci,host=1:2.3,bus=rp2: Bus 'rp2' not found; did you mean 'rp1'?
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,bus=rp1", "-device", "pcie-root-port,id=rp1",
      is: """
        -device vfio-pci,host=1:2.3,bus=rp1: Bus 'rp1' not found; use 'pcie.0'
        """),
    Complaint(
      "-device", "pcie-root-port,chassis=256",
      is: """
        -device pcie-root-port,chassis=256: Parameter 'chassis' expects uint8_t; 256 is out of \
        its range
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,x-msix-relocation=bar6",
      is: """
        -device vfio-pci,host=1:2.3,x-msix-relocation=bar6: Parameter 'x-msix-relocation' does not \
        accept value 'bar6'; did you mean 'bar0'?
        """),
    Complaint(
      "-device", "{\"driver\":\"vfio-pci\"}",
      is: """
        -device {"driver":"vfio-pci"}: the JSON form is not supported by this version; \
        write NAME,PROPERTY=VALUE,...
        """),
    Complaint(
      "-device", "foo=1",
      is: """
        -device foo=1: Parameter 'driver' is missing; write -device \
        vfio-pci,host=DDDD:BB:DD.F
        """),
    Complaint(
      "-device", "vfio-pci,host=a\nb",
      is: """
        -device vfio-pci,host=a\\x0ab: Property 'vfio-pci.host' doesn't take value \
        'a\\x0ab'; write [DOMAIN:]BUS:SLOT.FUNCTION in hexadecimal, for example 0000:81:00.0
        """),
  ])
  func deviceMessagesNameTheProperty(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }

  @Test(arguments: [
    Complaint(
      "-object", "iommufd",
      is: """
        -object iommufd: Parameter 'id' is missing; write -object iommufd,id=ID
        """),
    Complaint(
      "-object", "iommufd,id=i,foo=1",
      is: """
        -object iommufd,id=i,foo=1: Invalid parameter 'foo'; see -object iommufd,help
        """),
    Complaint(
      "-object", "iommuf,id=i",
      is: """
        -object iommuf,id=i: Parameter 'qom-type' does not accept value 'iommuf'; did you \
        mean 'iommufd'?
        """),
    Complaint(
      "-object", "iommufd,id=i", "-object", "iommufd,id=i",
      is: """
        -object iommufd,id=i: Duplicate ID 'i' for object; give each object its own id
        """),
    Complaint(
      "-object", "iommufd,id=i,fd=abc",
      is: """
        -object iommufd,id=i,fd=abc: Invalid file descriptor number 'abc'; write the \
        number of an open descriptor
        """),
    Complaint(
      "-object", "iommufd,id=1x",
      is: """
        -object iommufd,id=1x: Parameter 'id' expects an identifier; '1x' is not one
        Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.
        """),
    Complaint(
      "-object", "",
      is: """
        -object : Parameter 'qom-type' is missing; write -object iommufd,id=ID
        """),
  ])
  func objectMessagesNameTheParameter(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }
}
