// The status page: one HTML document without external parts, which draws /status.json. Its source
// is status_page.html.
#ifndef SNAPVIT_SERVER_STATUS_PAGE_H_
#define SNAPVIT_SERVER_STATUS_PAGE_H_

#include <string_view>

namespace snapvit {

std::string_view StatusPage();

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_STATUS_PAGE_H_
