<?php
// What a test asks of PHP: /php/s/STATUS/... answers so, /php/big/BYTES/... with that many, /php/flush/BYTES/... the same in blocks
// that are sent at once, /php/error/... writes to standard error and fails. The body is read, but by /php/unread/....
// /php/kept/... the same.
$path = preg_replace('#^/php(/kept)?/#', '', strtok($_SERVER['REQUEST_URI'], '?'));
[$what, $number] = explode('/', "$path//");
if ($what !== 'unread') {
    header('X-Read: ' . strlen(file_get_contents('php://input')));
}
if ($what === 's') {
    http_response_code((int)$number);
    echo "status $number\n";
} elseif ($what === 'big') {
    echo str_repeat('b', (int)$number);
} elseif ($what === 'flush') {
    for ($left = (int)$number; $left > 0; $left -= 3000) {
        echo str_repeat("\0", min($left, 3000));
        flush();
    }
} elseif ($what === 'error') {
    error_log('a word on standard error');
    undefined_function();
} else {
    echo "ok\n";
}
