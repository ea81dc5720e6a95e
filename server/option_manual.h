// The option table as the manual and the shells' completion see it.
#ifndef SNAPVIT_SERVER_OPTION_MANUAL_H_
#define SNAPVIT_SERVER_OPTION_MANUAL_H_

#include <string>

#include "core/manual/manual.h"

namespace snapvit {

// Every option of snapvit-server, those included that are not in the table (--config, --help, …).
ProgramDescription DescribeServer(const std::string& version);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTION_MANUAL_H_
