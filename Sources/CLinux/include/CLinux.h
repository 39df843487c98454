#pragma once
#include "vfio.h"
#include "iommufd.h"
#include "iommufd_test.h"
#include "kvm.h"
#include "system_calls.h"
