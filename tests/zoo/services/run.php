<?php
// A service of the zoo under PHP-FPM: two calls for every request, over one curl handle.
$port = $_SERVER['ZOO_BACKEND'];
$handle = curl_init();
foreach ([0, 1] as $number) {
    curl_setopt_array($handle, [
        CURLOPT_URL => "http://127.0.0.1:$port/b",
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 20,
        CURLOPT_HTTPHEADER => ["X-Gt: {$_SERVER['HTTP_X_GT']}/$number"],
    ]);
    curl_exec($handle);
}
header('Content-Length: 3');
echo "ok\n";
