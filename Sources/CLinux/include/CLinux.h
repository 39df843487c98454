#pragma once
#include "vfio.h"
#include "iommufd.h"
#include "iommufd_test.h"
#include "kvm.h"
#include "kvm_cpu.h"
#include "system_calls.h"
