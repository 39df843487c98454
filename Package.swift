// swift-tools-version: 6.2
import PackageDescription

/// Applied to every Swift target, tests included.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// A target of the house: it imports only the targets named here, all of them above it in this file.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A thin executable over one or more rooms.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of one room.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "swiftvmm",
  products: [
    .executable(name: "swiftvmm", targets: ["swiftvmm"]),
    .executable(name: "swiftvmm-trace", targets: ["swiftvmm-trace"]),
    .executable(name: "swiftvmm-lab", targets: ["swiftvmm-lab"]),
    .executable(name: "swiftvmm-serve", targets: ["swiftvmm-serve"]),
    .executable(name: "swiftvmm-contract", targets: ["swiftvmm-contract"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .systemLibrary(name: "CGLib", pkgConfig: "glib-2.0", providers: [.apt(["libglib2.0-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CJSON", pkgConfig: "json-c", providers: [.apt(["libjson-c-dev"])]),
    .systemLibrary(name: "CPCI", pkgConfig: "libpci", providers: [.apt(["libpci-dev"])]),
    .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "CTwin"),

    room("HostKernel", ["CLinux", system]),
    room("Tracing", ["CLinux", "HostKernel", system]),
    room("PCI"),
    room("SimulatedKernel", ["CLinux", "CYAML", "Tracing", "PCI", "HostKernel", system]),
    room("VFIOUser", ["CJSON", "CLinux", "PCI", "HostKernel", "SimulatedKernel", system]),
    room("VFIO", ["CLinux", "CPCI", "Tracing", "PCI", "HostKernel", system]),
    room("EventLoop", ["CGLib", "HostKernel"]),
    room("Hypervisor", ["CLinux", "Tracing", "HostKernel", system]),
    room("VirtualIOMMU", ["PCI"]),
    room(
      "Passthrough",
      [
        "CLinux", "Tracing", "PCI", "HostKernel", "VFIO", "Hypervisor", "VirtualIOMMU", system,
      ]),
    room("Boot", ["HostKernel", "Hypervisor", system]),
    room("Board", ["CLinux", "PCI", "HostKernel", "Hypervisor", system]),
    room("CommandLine", ["Tracing", "PCI", "Hypervisor", "VirtualIOMMU"]),
    room(
      "Machine",
      [
        "Tracing", "PCI", "HostKernel", "VFIO", "EventLoop", "Hypervisor", "Passthrough", "Board",
        "Boot", "VirtualIOMMU", "CommandLine", system,
      ]),
    room(
      "Monitor",
      [
        "CJSON", "Tracing", "PCI", "EventLoop", "VirtualIOMMU", "Board", "CommandLine", "Machine",
        system,
      ]),
    room("TraceComparison"),
    room("Lab"),

    program(
      "swiftvmm",
      [
        "Board", "CommandLine", "EventLoop", "HostKernel", "Machine", "Monitor", "Passthrough",
        "SimulatedKernel", "Tracing", system,
      ]),
    program("swiftvmm-trace", ["TraceComparison", argumentParser]),
    program("swiftvmm-lab", ["Lab", argumentParser]),
    program("swiftvmm-serve", ["CLinux", "VFIOUser", "SimulatedKernel", "PCI", argumentParser]),
    program(
      "swiftvmm-benchmark",
      [
        "CTwin", "CLinux", "HostKernel", "Hypervisor", "PCI", "SimulatedKernel", "Tracing", system,
      ]),

    .target(
      name: "Contract",
      dependencies: ["CLinux", "PCI", "HostKernel", "SimulatedKernel", "TestSupport", system],
      path: "Tests/Contract", exclude: ["README.md"], swiftSettings: strict),
    program(
      "swiftvmm-contract", ["Contract", "HostKernel", "PCI", "SimulatedKernel", argumentParser]),
    tests("ContractTests", ["Contract", "HostKernel", "SimulatedKernel"]),

    // What several suites share.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    tests("TracingTests", ["Tracing", "HostKernel", "TestSupport"]),
    tests("PCITests", ["PCI", "TestSupport"]),
    tests("HostKernelTests", ["HostKernel", system]),
    tests(
      "SimulatedKernelTests",
      ["SimulatedKernel", "CLinux", "HostKernel", "PCI", "TestSupport", system]),
    tests(
      "VFIOUserTests",
      ["VFIOUser", "SimulatedKernel", "HostKernel", "CLinux", "PCI", "TestSupport", system]),
    tests(
      "VFIOTests",
      ["VFIO", "SimulatedKernel", "CLinux", "HostKernel", "Tracing", "PCI", "TestSupport", system]),
    tests("EventLoopTests", ["EventLoop", "HostKernel"]),
    tests("HypervisorTests", ["Hypervisor", "CLinux", "HostKernel", "TestSupport", system]),
    tests(
      "PassthroughTests",
      [
        "Passthrough", "VFIO", "SimulatedKernel", "Hypervisor", "VirtualIOMMU", "CLinux",
        "HostKernel", "Tracing", "PCI", "TestSupport", system,
      ]),
    tests("BootTests", ["Boot", "Hypervisor", "HostKernel", "TestSupport", system]),
    tests("VirtualIOMMUTests", ["VirtualIOMMU", "PCI", "TestSupport"]),
    tests("BoardTests", ["Board", "Hypervisor", "HostKernel", "PCI", "TestSupport", system]),
    tests(
      "CommandLineTests",
      ["CommandLine", "Tracing", "PCI", "Hypervisor", "VirtualIOMMU", "TestSupport"]),
    tests(
      "MachineTests",
      [
        "Machine", "SimulatedKernel", "HostKernel", "Monitor", "CommandLine", "PCI",
        "VirtualIOMMU", "TestSupport", system,
      ]),
    tests(
      "MonitorTests",
      [
        "Monitor", "Board", "CommandLine", "EventLoop", "HostKernel", "Machine", "PCI",
        "Tracing", "VirtualIOMMU", "TestSupport",
      ]),
    tests("TraceComparisonTests", ["TraceComparison", "TestSupport"]),
    tests("LabTests", ["Lab"]),
  ],
  swiftLanguageModes: [.v6]
)
