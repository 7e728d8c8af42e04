export {}; // it registers itself
