import CLinux
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

@testable import VFIO

/// PASIDs of the functions of `machines/pasid.yaml`, whose PASIDs have 20, 20, 20, 20, 16, 16, 16, 16
/// bits and none.
@Suite struct PASIDAttachmentTests {
  private typealias Cause = PASIDAttachmentError.Cause

  /// A host, and this machine's side of it.
  private final class Bench {
    let simulated: SimulatedKernel
    let kernel: FaultInjectingKernel
    let trace = RingSink()
    let tracer: Tracer
    let attacher: DeviceAttacher
    let object: IOMMUFDObject

    init(host: String = "pasid", faults: [Fault] = []) throws {
      let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
      simulated = SimulatedKernel(try HostDescription(contentsOf: "\(root)/machines/\(host).yaml"))
      kernel = FaultInjectingKernel(simulated, faults: faults)
      tracer = Tracer(to: trace)
      attacher = DeviceAttacher(kernel: kernel, tracer: tracer, host: EmptyMachine())
      object = IOMMUFDObject(id: "iommufd0", given: nil, kernel: kernel, tracer: tracer)
      tracer.set("iommufd*", enabled: true)
    }

    static func path(_ slot: Int) -> HostDevicePath {
      HostDevicePath(pciAddress: PCIAddress(bus: 0, devfn: UInt8(8 * slot)).description)
    }

    func attach(_ slot: Int, allowsPASIDs: Bool = true) throws -> VFIODevice {
      try attacher.attach(Self.path(slot), to: object, allowsPASIDs: allowsPASIDs)
    }

    /// The page tables that the host has.
    var tables: [String] { simulated.openObjects.filter { $0.hasPrefix("page table") } }

    func cause(_ body: () throws -> Void) -> PASIDAttachmentError.Cause? {
      do { try body() } catch { return (error as? PASIDAttachmentError)?.cause }
      return nil
    }
  }

  /// A machine without memory and without KVM.
  private final class EmptyMachine: AttachmentHost {
    func addFile(_ descriptor: Int32) {}
    func removeFile(_ descriptor: Int32) {}
    func connect(_ container: any DMAContainer) {}
    func disconnect(_ container: any DMAContainer) {}
  }

  @Test func `A PASID sees what the device sees, on the device's own table`() throws {
    let bench = try Bench()
    let device = try bench.attach(7)
    #expect(bench.tables.count == 1)
    bench.trace.removeAll()
    try bench.attacher.attach(pasid: 5, of: device)
    #expect(bench.attacher.attachedPASIDs(of: device) == [5])
    #expect(bench.tables.count == 1)
    let fd = bench.object.descriptorNumber
    #expect(
      bench.trace.lines == [
        "iommufd_cdev_pasid_attach_ioas_hwpt  [iommufd=\(fd)] Successfully attached device "
          + "0000:00:07.0 (\(device.descriptorNumber)) pasid 5 to id=3"
      ])
    // Once more is nothing more.
    try bench.attacher.attach(pasid: 5, of: device)
    #expect(bench.trace.lines.count == 1)
    bench.trace.removeAll()
    try bench.attacher.detach(pasid: 5, of: device)
    #expect(
      bench.trace.lines == [
        "iommufd_cdev_pasid_detach_ioas_hwpt  [iommufd=\(fd)] Successfully detached 0000:00:07.0 pasid 5"
      ])
    #expect(bench.attacher.attachedPASIDs(of: device).isEmpty)
    try bench.attacher.detach(pasid: 5, of: device)
    #expect(bench.trace.lines.count == 1)
  }

  @Test func `The table is made for PASIDs where the device has them and it is wanted`() throws {
    for (slot, isWanted, flags) in [
      (7, true, "0x8"), (7, false, "0x0"), (14, true, "0x0"),
    ] {
      let bench = try Bench()
      _ = try bench.attach(slot, allowsPASIDs: isWanted)
      let lines = bench.trace.lines.filter { $0.hasPrefix("iommufd_backend_alloc_hwpt") }
      #expect(lines.count == 1)
      #expect(lines.first?.contains("flags=\(flags) ") == true, "\(lines)")
    }
  }

  @Test func `A device with PASIDs does not join a table without`() throws {
    let bench = try Bench()
    _ = try bench.attach(14)
    #expect(bench.tables.count == 1)
    let device = try bench.attach(7)
    #expect(bench.tables.count == 2)
    let other = try bench.attach(8)
    #expect(bench.tables.count == 2)
    for device in [device, other] {
      try bench.attacher.attach(pasid: 1, of: device)
      try bench.attacher.attach(pasid: 0xf_ffff, of: device)
      #expect(bench.attacher.attachedPASIDs(of: device) == [1, 0xf_ffff])
    }
    for device in [device, other] { bench.attacher.detach(device) }
    #expect(bench.tables.count == 1)
  }

  @Test func `A PASID moves to another table and back`() throws {
    let bench = try Bench()
    let device = try bench.attach(6)
    let ioas = try #require(device.space).ioas
    guard case .iommufd(_, let id) = device.attachment else { return }
    let other = try bench.object.allocateHWPT(
      device: id, parent: ioas, flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
    try bench.attacher.attach(pasid: 9, of: device)
    try bench.attacher.attach(pasid: 9, of: device, to: other)
    #expect(bench.attacher.attachedPASIDs(of: device) == [9])
    try bench.attacher.attach(pasid: 9, of: device)
    bench.object.free(other)
    #expect(bench.tables.count == 1)
    try bench.attacher.attach(pasid: 9, of: device)
    bench.attacher.detach(device)
    #expect(bench.simulated.openObjects == [])
  }

  /// What the host would not say, or says, of a PASID that cannot be.
  @Test func `Each refusal has its reason and changes nothing`() throws {
    let bench = try Bench()
    let device = try bench.attach(10)
    let plain = try bench.attach(14)
    let held = bench.simulated.openObjects
    let attacher = bench.attacher
    #expect(bench.cause { try attacher.attach(pasid: 0, of: device) } == .reserved)
    #expect(bench.cause { try attacher.attach(pasid: 0x1_0000, of: device) } == .beyondWidth(16))
    #expect(bench.cause { try attacher.attach(pasid: .max, of: device) } == .beyondWidth(16))
    #expect(bench.cause { try attacher.attach(pasid: 5, of: plain) } == .deviceHasNone)
    #expect(bench.cause { try attacher.attach(pasid: 5, of: device, to: 99) } == .noSuchTable)
    let ioas = try #require(device.space).ioas
    #expect(bench.cause { try attacher.attach(pasid: 5, of: device, to: ioas) } == .incompatible)
    #expect(bench.simulated.openObjects == held)
    #expect(attacher.attachedPASIDs(of: device).isEmpty)
    try attacher.attach(pasid: 0xffff, of: device)
    attacher.detach(device)
    #expect(bench.cause { try attacher.attach(pasid: 5, of: device) } == .notAttached)
    #expect(attacher.attachedPASIDs(of: device).isEmpty)
    attacher.detach(plain)
    #expect(bench.simulated.openObjects == [])
  }

  @Test func `Of a device whose table was not made for it no PASID can be attached`() throws {
    let bench = try Bench()
    let device = try bench.attach(7, allowsPASIDs: false)
    let held = bench.simulated.openObjects
    #expect(bench.cause { try bench.attacher.attach(pasid: 5, of: device) } == .incompatible)
    #expect(bench.simulated.openObjects == held)
  }

  @Test func `A device of a group has none`() throws {
    let bench = try Bench()
    let device = try bench.attacher.attach(Bench.path(7))
    #expect(bench.cause { try bench.attacher.attach(pasid: 5, of: device) } == .notIOMMUFD)
    #expect(bench.attacher.attachedPASIDs(of: device).isEmpty)
  }

  @Test(
    arguments: [
      (28, .beyondKernel), (2, .noSuchTable), (22, .incompatible), (95, .notSupported),
      (16, .busy), (98, .addressInUse), (19, .noPageRequests), (12, .noMemory), (14, .badAddress),
      (9, .notAttached), (5, .other),
    ] as [(Int32, PASIDAttachmentError.Cause)])
  func `Each errno means one thing, and the words are QEMU's`(
    errno: Int32, cause: PASIDAttachmentError.Cause
  ) throws {
    let request = UInt(VFIO_DEVICE_ATTACH_IOMMUFD_PT)
    let error = Errno(rawValue: errno)
    // The first is the device's own.
    let bench = try Bench(
      faults: [Fault(.control(request), occurrence: 2, .fail(error))])
    let device = try bench.attach(7)
    let held = bench.simulated.openObjects
    let refusal = #expect(throws: PASIDAttachmentError.self) {
      try bench.attacher.attach(pasid: 5, of: device)
    }
    #expect(refusal?.cause == cause)
    #expect(refusal?.errno == error)
    #expect(
      refusal?.message == "[iommufd=\(bench.object.descriptorNumber)] error attach 0000:00:07.0 "
        + "(\(device.descriptorNumber)) pasid 5 to id=3: \(error.description)")
    #expect(refusal?.explanation.isEmpty == false)
    #expect(bench.simulated.openObjects == held)
    try bench.attacher.attach(pasid: 5, of: device)
    bench.attacher.detach(device)
    #expect(bench.simulated.openObjects == [])
  }

  @Test func `A PASID that cannot be taken off stays, and goes with the device`() throws {
    let bench = try Bench(
      faults: [
        Fault(.control(UInt(VFIO_DEVICE_DETACH_IOMMUFD_PT)), occurrence: 1, .fail(.ioError))
      ])
    let device = try bench.attach(7)
    try bench.attacher.attach(pasid: 5, of: device)
    let refusal = #expect(throws: PASIDAttachmentError.self) {
      try bench.attacher.detach(pasid: 5, of: device)
    }
    #expect(
      refusal?.message == "detach 0000:00:07.0 pasid 5 failed: \(Errno.ioError.description)")
    #expect(bench.attacher.attachedPASIDs(of: device) == [5])
    bench.trace.removeAll()
    bench.attacher.detach(device)
    #expect(
      bench.trace.lines.prefix(2).map { $0.hasSuffix(" pasid 5") || $0.hasSuffix(" pasid 0") }
        == [true, true])
    #expect(bench.simulated.openObjects == [])
  }

  @Test func `Whichever call fails, nothing is left when the devices are gone`() throws {
    for error in [Errno.ioError, .invalidArgument, .badAddress, .noMemory] {
      var number = 1
      while true {
        let bench = try Bench(faults: [Fault(.anyCall, occurrence: number, .fail(error))])
        var devices: [VFIODevice] = []
        for slot in [7, 14, 10] {
          if let device = try? bench.attach(slot) { devices.append(device) }
        }
        for device in devices {
          for pasid in [1, 2, 3] as [UInt32] {
            try? bench.attacher.attach(pasid: pasid, of: device)
          }
          try? bench.attacher.detach(pasid: 2, of: device)
          _ = try? device.iovaRanges()
        }
        for device in devices { bench.attacher.detach(device) }
        #expect(bench.simulated.openObjects == [], "call \(number) failed with \(error)")
        if !bench.kernel.hasFailed { break }
        number += 1
      }
      #expect(number > 30)
    }
  }

  // MARK: - Addresses and the IOMMU's name

  @Test(arguments: [true, false])
  func `The addresses that can be mapped are those of the unit without its windows`(
    isByGroup: Bool
  ) throws {
    let bench = try Bench()
    let device = try isByGroup ? bench.attacher.attach(Bench.path(7)) : bench.attach(7)
    let ranges = try device.iovaRanges()
    #expect(ranges.ranges == [0...0xfedf_ffff, 0xfef0_0000...0xffff_ffff_ffff])
    #expect(ranges.alignment == 4096)
    #expect(device.path.iommuName(on: bench.kernel) == "dmar0")
    bench.attacher.detach(device)
    #expect(throws: Errno.self) { try device.iovaRanges() }
  }

  /// 83:00.0 is behind an IOMMU of 48 bits, 89:00.0 behind one of 39.
  @Test(arguments: [["0000:83:00.0", "0000:89:00.0"], ["0000:89:00.0", "0000:83:00.0"]])
  func `A device's addresses end where its own IOMMU does, whoever came first`(
    names: [String]
  ) throws {
    let bench = try Bench(host: "contract")
    let devices = try names.map {
      try bench.attacher.attach(HostDevicePath(pciAddress: $0), to: bench.object)
    }
    let space = try #require(devices[0].space)
    #expect(devices[1].space === space)
    #expect(try bench.object.iovaRanges(ioas: space.ioas).ranges.last?.upperBound == 0x7f_ffff_ffff)
    let held = bench.simulated.openObjects
    for device in devices {
      let ranges = try device.iovaRanges().ranges
      let end: UInt64 = device.name == "0000:89:00.0" ? 0x7f_ffff_ffff : 0xffff_ffff_ffff
      #expect(ranges == [0...0xfedf_ffff, 0xfef0_0000...end])
    }
    #expect(bench.simulated.openObjects == held)
  }

  @Test func `A count of addresses that nobody has room for is an error`() throws {
    let kernel = ScriptedVFIO([
      { bytes in
        bytes.put(little(UInt32(1 << 20)), at: 8)
        return .messageTooLong
      }
    ])
    let device = try kernel.makeDevice()
    guard case .iommufd(let object, _) = device.attachment else { return }
    device.space = IOMMUFDContainer(object: object, ioas: 2)
    #expect(throws: Errno.messageTooLong) { try device.iovaRanges() }
    #expect(kernel.calls.count == 1)
  }
}
