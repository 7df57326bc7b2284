#include "exporters/span.h"
