#include "exporters/attributes.h"
