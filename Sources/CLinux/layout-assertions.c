#include "CLinux.h"
#include "layout-assertions.h"
